import assert from 'node:assert/strict';
import { test } from 'node:test';

import { SyncRecord } from '../../web/js/sync/record.js';

const PERIOD_MS = 1_040;

/** A test of `beeps` beeps from 1 s on, each flash `offsetMs(i)` after its beep. */
function recorded(beeps, offsetMs, delayMs = () => 200) {
  const record = new SyncRecord();
  record.noteFirstFrame(0);
  for (let i = 0; i < beeps; i++) {
    const ms = 1_000 + i * PERIOD_MS;
    record.noteBeep(ms, delayMs(i));
    record.noteFlash(ms + offsetMs(i));
  }
  return record;
}

test('a flash after its beep is a positive offset, the voice came first', () => {
  assert.equal(recorded(20, () => 25).summary().offset_ms.median, 25);
});

test('a flash whose beep was not heard spoils no pair', () => {
  const record = recorded(5, () => 10);
  assert.equal(record.noteFlash(1_010 + 5 * PERIOD_MS), false);
  record.noteFlash(1_010 + 6 * PERIOD_MS);
  assert.equal(record.noteBeep(1_000 + 6 * PERIOD_MS, null), true);
  assert.deepEqual(record.pairs.map(({ offsetMs }) => offsetMs), [10, 10, 10, 10, 10, 10]);
});

test('what was measured while the browser settles does not count', () => {
  const record = recorded(20, (i) => (i < 2 ? 300 : 5));
  const { pairs, offset_ms: offset } = record.summary();
  assert.equal(pairs, 18);
  assert.equal(offset.abs_p95, 5);
});

test('a drifting offset shows as a slope, a growing delay as a drift', () => {
  const summary = recorded(60, (i) => i, (i) => 200 + i).summary();
  assert.ok(Math.abs(summary.slope_ms_per_min - 60_000 / PERIOD_MS) < 0.5, `${summary.slope_ms_per_min}`);
  assert.ok(summary.delay_drift_ms > 30);
});

test('the sound is judged from the counters since settling only', () => {
  const record = recorded(5, () => 0);
  record.noteCounters({ totalSamplesReceived: 100_000, concealedSamples: 50_000 }, 3_500);
  record.noteCounters({ totalSamplesReceived: 200_000, concealedSamples: 51_000, packetsLost: 3 }, 9_000);
  const { sound } = record.summary();
  assert.equal(sound.concealed_percent, 1);
  assert.equal(sound.packets_lost, 3);
});

test('an empty test has no figures, and no errors', () => {
  const { pairs, offset_ms: offset, sound, delay_drift_ms: drift } = new SyncRecord().summary();
  assert.deepEqual([pairs, offset.median, sound, drift], [0, null, null, null]);
});
