import assert from 'node:assert/strict';
import { test } from 'node:test';

import { waitBetween } from '../../web/js/session/buffer-wait.js';

const report = (delayS, emitted) => ({ jitterBufferDelay: delayS, jitterBufferEmittedCount: emitted });

test('the wait is that of what was played since the last report, in ms', () => {
  assert.equal(waitBetween(report(100, 1_000), report(104, 1_100)), 40);
});

test('there is no wait where nothing was played, or a report is missing', () => {
  assert.equal(waitBetween(report(1, 10), report(1, 10)), null);
  assert.equal(waitBetween(null, report(1, 10)), null);
  assert.equal(waitBetween(report(1, 10), null), null);
});
