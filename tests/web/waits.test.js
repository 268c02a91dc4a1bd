import assert from 'node:assert/strict';
import { test } from 'node:test';

import { nextWaits } from '../../web/js/session/waits.js';

const HEAD_START_MS = 30;
const USUAL_MS = 20;
const START = { picturesMs: 0, voiceMs: USUAL_MS };

const next = (asked, real) => nextWaits(asked, real, HEAD_START_MS, USUAL_MS);

/** A browser that does at once what it is asked for, but never waits less than the network makes it. */
function settled(asked, network, steps = 100) {
  let waits = asked;
  for (let i = 0; i < steps; i++) {
    waits = next(waits, {
      picturesMs: Math.max(waits.picturesMs, network.picturesMs),
      voiceMs: Math.max(waits.voiceMs, network.voiceMs),
    });
  }
  return waits;
}

test('a quiet network is left alone', () => {
  assert.deepEqual(settled(START, { picturesMs: 8, voiceMs: 40 }), START);
});

test('pictures are asked to wait for a voice that waits longer than it left early', () => {
  const { picturesMs, voiceMs } = settled(START, { picturesMs: 8, voiceMs: 100 });
  assert.ok(Math.abs(picturesMs - 70) < 10, `${picturesMs} ms`);
  assert.equal(voiceMs, USUAL_MS);
});

test('half of what is lacking is asked for at a time, so that pictures do not swing', () => {
  assert.equal(next(START, { picturesMs: 10, voiceMs: 140 }).picturesMs, 50);
});

test('nothing is kept once the network has healed', () => {
  const late = settled(START, { picturesMs: 8, voiceMs: 100 });
  assert.deepEqual(settled(late, { picturesMs: 8, voiceMs: 30 }), START);
});

test('pictures that wait far too long are let go at once', () => {
  assert.equal(next({ picturesMs: 90, voiceMs: USUAL_MS }, { picturesMs: 90, voiceMs: 30 }).picturesMs, 0);
});

test('a voice is held back for pictures that wait longer, and not for good', () => {
  const held = next(START, { picturesMs: 180, voiceMs: 150 });
  assert.ok(held.voiceMs > 150);
  assert.ok(settled(held, { picturesMs: 8, voiceMs: 30 }, 20).voiceMs < held.voiceMs);
});

test('no more than half a second is ever asked for', () => {
  const { picturesMs } = settled(START, { picturesMs: 8, voiceMs: 5_000 });
  const { voiceMs } = next(START, { picturesMs: 5_000, voiceMs: 30 });
  assert.equal(picturesMs, 500);
  assert.ok(voiceMs <= 500);
});
