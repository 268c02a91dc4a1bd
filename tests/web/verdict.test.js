import assert from 'node:assert/strict';
import { test } from 'node:test';

import { verdictOf } from '../../web/js/sync/verdict.js';

const summary = (median, spread = 20, rest = {}) => ({
  pairs: 12,
  offset_ms: { median, p5: median - 5, p95: median + 5, abs_p95: spread },
  delay_ms: { p50: null, p95: null },
  sound: null,
  ...rest,
});

test('a small offset with a small spread is in step', () => {
  const { isGood, sentence } = verdictOf(summary(15, 35));
  assert.ok(isGood);
  assert.match(sentence, /^In step: .*15 ms apart \(the voice comes first\), 95% within 35 ms/);
});

test('neither a larger offset nor a larger spread is in step', () => {
  assert.match(verdictOf(summary(-16)).sentence, /^Nearly in step.*16 ms apart \(the lips come first\)/);
  assert.ok(!verdictOf(summary(0, 36)).isGood);
  assert.match(verdictOf(summary(-45)).sentence, /^Out of step/);
});

test('too few pairs are no verdict, and none at all neither', () => {
  const none = { median: null, p5: null, p95: null, abs_p95: null };
  for (const rest of [{ pairs: 4 }, { pairs: 0, offset_ms: none }]) {
    const { isGood, sentence } = verdictOf(summary(0, 1, rest));
    assert.ok(!isGood);
    assert.match(sentence, /^Too few/);
  }
});

test('the delay and lost sound are named where there is something to say', () => {
  const rest = { delay_ms: { p50: 240, p95: 260 }, sound: { concealed_percent: 2.5 } };
  assert.match(verdictOf(summary(0, 10, rest)).sentence, /after 240 ms\. 2\.5% of the sound was lost/);
  assert.doesNotMatch(verdictOf(summary(0, 10, { sound: { concealed_percent: 1 } })).sentence, /lost|hear yourself/);
});
