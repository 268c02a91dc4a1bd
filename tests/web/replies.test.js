import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Replies } from '../../web/js/session/replies.js';
import { settle } from './fakes.js';

const interrupted = (playedMs) => ({ type: 'interrupted', played_ms: playedMs });

test('answers go to those who wait for their type, first come, first served', async () => {
  const replies = new Replies();
  const waiting = [replies.wait('interrupted'), replies.wait('answer'), replies.wait('interrupted')];
  replies.give(interrupted(1));
  replies.give(interrupted(2));
  replies.give({ type: 'answer', sdp: 'x' });
  assert.deepEqual(await Promise.all(waiting), [interrupted(1), { type: 'answer', sdp: 'x' }, interrupted(2)]);
});

test('an answer that nobody waits for is kept for nobody', async () => {
  const replies = new Replies();
  replies.give(interrupted(1));
  let told = null;
  replies.wait('interrupted').then((message) => (told = message));
  await settle();
  assert.equal(told, null);
  replies.give(interrupted(2));
  await settle();
  assert.deepEqual(told, interrupted(2));
});
