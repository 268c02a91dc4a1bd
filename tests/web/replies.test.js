import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Replies } from '../../web/js/session/replies.js';
import { settle } from './fakes.js';

const LIMIT_MS = 2_000;
const interrupted = (playedMs) => ({ type: 'interrupted', played_ms: playedMs });

test('answers go to those who wait for their type, first come, first served', async () => {
  const replies = new Replies();
  const waiting = [replies.wait('interrupted', LIMIT_MS), replies.wait('answer', LIMIT_MS), replies.wait('interrupted', LIMIT_MS)];
  replies.give(interrupted(1));
  replies.give(interrupted(2));
  replies.give({ type: 'answer', sdp: 'x' });
  assert.deepEqual(await Promise.all(waiting), [interrupted(1), { type: 'answer', sdp: 'x' }, interrupted(2)]);
});

test('an answer that nobody waits for is kept for nobody', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const replies = new Replies();
  replies.give(interrupted(1));
  const waiting = replies.wait('interrupted', LIMIT_MS);
  t.mock.timers.tick(LIMIT_MS);
  await assert.rejects(waiting, { code: 'server-slow' });
});

test('an answer that comes too late is not taken for the next one', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const replies = new Replies();
  const first = replies.wait('interrupted', LIMIT_MS);
  t.mock.timers.tick(LIMIT_MS);
  await assert.rejects(first, { code: 'server-slow' });
  let second = null;
  replies.wait('interrupted', LIMIT_MS).then((message) => (second = message));
  replies.give(interrupted(100));
  await settle();
  assert.equal(second, null);
  replies.give(interrupted(200));
  await settle();
  assert.deepEqual(second, interrupted(200));
});
