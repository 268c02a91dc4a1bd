import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';

import { Trend } from '../../web/js/ui/trend.js';
import { FakeElement, pretendBrowser } from './fakes.js';

pretendBrowser();

let trend;
let lines; // of the delay and of the offset, in the order in which they are drawn

beforeEach(() => {
  const svg = new FakeElement();
  trend = new Trend(svg);
  lines = svg.children.slice(1);
});

const spots = (line) =>
  line
    .getAttribute('points')
    .split(' ')
    .filter(Boolean)
    .map((spot) => spot.split(',').map(Number));

test('the latest second is at the right edge, voice and lips in step in the middle', () => {
  trend.add({ offsetMs: 50, delayMs: 250 });
  trend.add({ offsetMs: 0, delayMs: 500 });
  const [delay, offset] = lines.map(spots);
  assert.deepEqual(offset[1], [300, 24]);
  assert.equal(offset[0][1], 12); // upwards is a voice ahead
  assert.ok(offset[0][0] < 300);
  assert.deepEqual(delay.map(([, y]) => y), [24, 0]);
});

test('what is too large stays at the border', () => {
  trend.add({ offsetMs: -4_000, delayMs: 9_000 });
  assert.deepEqual(lines.map((line) => spots(line)[0][1]), [0, 48]);
});

test('a second without a value leaves a gap, and moves the others on', () => {
  trend.add({ offsetMs: 0, delayMs: null });
  trend.add({ offsetMs: null, delayMs: null });
  assert.equal(spots(lines[0]).length, 0);
  assert.equal(spots(lines[1]).length, 1);
  assert.ok(spots(lines[1])[0][0] < 300);
});

test('a minute is kept, from the left edge, and clearing forgets it', () => {
  for (let second = 0; second < 75; second++) trend.add({ offsetMs: 0, delayMs: 0 });
  assert.equal(spots(lines[1]).length, 60);
  assert.equal(spots(lines[1])[0][0], 0);
  trend.clear();
  assert.equal(spots(lines[1]).length, 0);
});
