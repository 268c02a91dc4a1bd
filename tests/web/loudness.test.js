import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Loudness } from '../../web/js/session/loudness.js';

/** A tone of so many samples, whose level is 3 dB below its peak's. */
function tone(length, peak, from = 0) {
  return Int16Array.from({ length }, (_, i) => Math.round(peak * Math.sin((2 * Math.PI * (from + i)) / 48)));
}

/** What it tells of sound that comes in pieces of so many samples. */
function measured(pcm, piece, sampleRate = 48_000) {
  const told = [];
  const loudness = new Loudness(sampleRate, (levels) => told.push(levels));
  for (let at = 0; at < pcm.length; at += piece) loudness.push(pcm.subarray(at, at + piece));
  return told;
}

test('a level each 40 ms, five at once, in dB of full scale', () => {
  const told = measured(tone(48_000, 32_767), 960);
  assert.deepEqual(told, Array(5).fill(Array(5).fill(-3)));
  assert.deepEqual(measured(tone(9600, 3277), 960), [Array(5).fill(-23)]);
});

test('what comes in pieces of any length is measured the same', () => {
  const pcm = Int16Array.from([...tone(4800, 20_000), ...tone(4800, 300), ...new Int16Array(4800), ...tone(4800, 9000)]);
  const whole = measured(pcm, pcm.length);
  for (const piece of [1, 441, 960, 1921]) assert.deepEqual(measured(pcm, piece), whole);
});

test('silence has a level that the server takes', () => {
  assert.deepEqual(measured(new Int16Array(9600), 960), [Array(5).fill(-120)]);
});

test('so many a second at any rate of a sound card', () => {
  for (const rate of [8000, 22_050, 44_100, 96_000]) {
    assert.equal(measured(new Int16Array(4 * rate), 997, rate).flat().length, 100);
  }
});
