import assert from 'node:assert/strict';
import { test } from 'node:test';

import { CLIP_SAMPLE_RATE, Clip, sendClip } from '../../web/js/session/clip.js';
import { settle } from './fakes.js';

const S = CLIP_SAMPLE_RATE;

const clipOf = (...channels) =>
  new Clip({
    length: channels[0].length,
    numberOfChannels: channels.length,
    getChannelData: (i) => channels[i],
  });

/** A clock that only the test moves: both what the clip reads and what it sleeps by. */
function clock(t) {
  let nowMs = 0;
  t.mock.timers.enable({ apis: ['setTimeout'] });
  t.mock.method(performance, 'now', () => nowMs);
  return async (ms) => {
    for (const end = nowMs + ms; nowMs < end; ) {
      nowMs += 50;
      t.mock.timers.tick(50);
      await settle();
    }
  };
}

const sink = () => ({
  bufferedBytes: 0,
  samples: 0,
  sendAudio(pcm) {
    this.samples += pcm.length;
  },
});

test('channels are mixed, and what is too loud is clipped, not wrapped', () => {
  const clip = clipOf(Float32Array.of(1, -1, 2, 0.5), Float32Array.of(0, -1, 2, -0.5));
  assert.deepEqual([...clip.slice(0, 10)], [16384, -32767, 32767, 0]);
});

test('a piece begins where it is asked to, and the last is as long as what is left', () => {
  const clip = clipOf(Float32Array.of(0, 0.25, 0.5, 1));
  assert.deepEqual([...clip.slice(2, 2)], [16384, 32767]);
  assert.equal(clip.slice(3, 100).length, 1);
});

test('a clip is kept a second and a half ahead of its playing, and then sent whole', async (t) => {
  const pass = clock(t);
  const session = sink();
  const sent = sendClip(clipOf(new Float32Array(4 * S)), session, new AbortController().signal);
  await settle();
  assert.equal(session.samples, 1.5 * S);
  await pass(1_000);
  assert.equal(session.samples, 2.5 * S);
  await pass(1_500);
  assert.equal(session.samples, 4 * S);
  assert.equal(await sent, true);
});

test('nothing is sent while the network does not take it', async (t) => {
  const pass = clock(t);
  const session = sink();
  session.bufferedBytes = 300_000;
  sendClip(clipOf(new Float32Array(S)), session, new AbortController().signal);
  await pass(1_000);
  assert.equal(session.samples, 0);
  session.bufferedBytes = 0;
  await pass(100);
  assert.equal(session.samples, S);
});

test('a clip that is cut sends no more, and says that it was not whole', async (t) => {
  const pass = clock(t);
  const session = sink();
  const cut = new AbortController();
  const sent = sendClip(clipOf(new Float32Array(4 * S)), session, cut.signal);
  await settle();
  cut.abort();
  await pass(3_000);
  assert.equal(session.samples, 1.5 * S);
  assert.equal(await sent, false);
});
