import assert from 'node:assert/strict';
import { test } from 'node:test';

import { chinPath, lipsPath, regionAround } from '../../web/js/faces/mouth-shape.js';

const PLACES = {
  left_corner: [100, 200],
  right_corner: [200, 200],
  upper_lip_top: [150, 180],
  upper_lip_edge: [150, 195],
  lower_lip_edge: [150, 205],
  lower_lip_bottom: [150, 225],
  chin: [150, 280],
};

const mouth = (moved = {}) =>
  Object.entries(PLACES).map(([name, [x, y]]) => ({ name, label: name, x, y, found_x: x, found_y: y, ...moved[name] }));

const holds = ({ x, y, side }, [px, py]) => px > x && px < x + side && py > y && py < y + side;

test('all points lie within the region, which is square around their middle', () => {
  const region = regionAround(mouth());
  for (const place of Object.values(PLACES)) assert.ok(holds(region, place));
  assert.deepEqual([region.x + region.side / 2, region.y + region.side / 2], [150, 230]);
});

test('the region holds a moved point, and the place where it was found', () => {
  const region = regionAround(mouth({ chin: { x: 60, y: 420 } }));
  assert.ok(holds(region, [60, 420]));
  assert.ok(holds(region, PLACES.chin));
  assert.ok(holds(region, PLACES.upper_lip_top));
});

test('a corner that moved inwards leaves the place where it was found in the region', () => {
  assert.ok(holds(regionAround(mouth({ left_corner: { x: 150, y: 200 } })), PLACES.left_corner));
});

test('each lip line runs from corner to corner through its point, whatever the order of the points', () => {
  const arcs = lipsPath(mouth().reverse()).split(' M');
  assert.equal(arcs.length, 4);
  const middles = arcs.map((arc) => {
    const [x0, y0, cx, cy, x1, y1] = arc.match(/-?[\d.]+/g).map(Number);
    assert.deepEqual([x0, y0, x1, y1], [100, 200, 200, 200]);
    return [(x0 + 2 * cx + x1) / 4, (y0 + 2 * cy + y1) / 4]; // a parabola's middle
  });
  assert.deepEqual(middles, [[150, 180], [150, 195], [150, 205], [150, 225]]);
});

test('the chin line lies along a tilted mouth', () => {
  const points = mouth({ right_corner: { x: 200, y: 250 } });
  const [x0, y0, , , x1, y1] = chinPath(points).match(/-?[\d.]+/g).map(Number);
  assert.equal((y1 - y0) / (x1 - x0), 0.5);
});
