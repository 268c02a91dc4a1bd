import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';

import { Emitter } from '../../web/js/emitter.js';
import { Figures } from '../../web/js/ui/figures.js';
import { FakeElement, pretendBrowser, settle } from './fakes.js';

pretendBrowser();

const NAMES = ['fps', 'offset', 'delay', 'jitter', 'buffer', 'gaps', 'late'];
const STATS = { delay_ms: 120, buffer_a: 3, buffer_a_limit: 8, gaps: 0, missed: 1, unsent: 2, repeats: 4 };

/** A session that measures what the test says. */
class FakeSession extends Emitter {
  isConverging = false;
  bufferMs = 60;
  offsetMs_ = 12;

  async audioBufferMs() {
    return this.bufferMs;
  }

  async offsetMs() {
    return this.offsetMs_;
  }
}

let fields;
let figures;
let session;

beforeEach(() => {
  fields = Object.fromEntries(NAMES.map((name) => [`#fig-${name}`, new FakeElement()]));
  const video = { getVideoPlaybackQuality: () => ({ totalVideoFrames: 0 }) };
  figures = new Figures(new FakeElement(fields), video, new FakeElement());
  session = new FakeSession();
  figures.begin(session);
});

const shown = (name) => fields[`#fig-${name}`].textContent;

/** Let a second pass in which the session streams. */
async function measured(t) {
  t.mock.timers.enable({ apis: ['setInterval'] });
  session.tell('stream', {});
  t.mock.timers.tick(1_000);
  await settle();
}

test('nothing is known before media flows', () => {
  assert.deepEqual(NAMES.map(shown), NAMES.map(() => '–'));
});

test('the delay is what the server says and what the browser holds, together', async (t) => {
  session.tell('stats', STATS);
  assert.equal(shown('delay'), '–'); // half a delay would look like a good one
  await measured(t);
  session.tell('stats', STATS);
  assert.equal(shown('delay'), '180 ms');
  assert.equal(shown('jitter'), '60 ms');
});

test('a clip has no delay', async (t) => {
  await measured(t);
  session.tell('stats', { ...STATS, delay_ms: null });
  assert.equal(shown('delay'), '–');
});

test('all that made a picture late counts as one figure, and no gap is a zero', () => {
  session.tell('stats', STATS);
  assert.deepEqual([shown('late'), shown('gaps'), shown('buffer')], ['7', '0', '3/8']);
});

test('an offset is shown once the browser has lined up, and a browser without one shows none', async (t) => {
  session.isConverging = true;
  await measured(t);
  assert.equal(shown('offset'), 'lining up…');
  session.isConverging = false;
  session.offsetMs_ = -7.6;
  t.mock.timers.tick(1_000);
  await settle();
  assert.equal(shown('offset'), '-8 ms');
  session.offsetMs_ = null;
  t.mock.timers.tick(1_000);
  await settle();
  assert.equal(shown('offset'), '–');
});

test('a session that is over shows nothing more, whatever it still says', async (t) => {
  await measured(t);
  const over = session;
  figures.end();
  over.tell('stats', STATS);
  over.tell('stream', {});
  t.mock.timers.tick(5_000);
  await settle();
  assert.deepEqual(NAMES.map(shown), NAMES.map(() => '–'));
});

test('an answer that comes after the next session began is not shown as its own', async (t) => {
  let answer;
  session.audioBufferMs = () => new Promise((resolve) => (answer = resolve));
  await measured(t);
  figures.begin(new FakeSession());
  answer(999);
  await settle();
  assert.equal(shown('jitter'), '–');
});
