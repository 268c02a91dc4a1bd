/** The lines through a mouth's points, and the part of the picture to show around them; all in its pixels. */

/** @typedef {import('../api.js').MouthPoint} MouthPoint */

const MARGIN = 0.45; // of the mouth's width, on each side of the points
const CHIN_WIDTH = 0.5; // of the mouth's width

/**
 * @param {MouthPoint[]} points
 * @returns {{x: number, y: number, side: number}} a square in which all points lie, where they are and were found
 */
export function regionAround(points) {
  const xs = points.flatMap((point) => [point.x, point.found_x]);
  const ys = points.flatMap((point) => [point.y, point.found_y]);
  const [left, right] = [Math.min(...xs), Math.max(...xs)];
  const [top, bottom] = [Math.min(...ys), Math.max(...ys)];
  const side = Math.max(right - left, bottom - top) + 2 * MARGIN * (right - left);
  return { x: (left + right - side) / 2, y: (top + bottom - side) / 2, side };
}

/** @param {MouthPoint[]} points @returns {string} an SVG path: both lips' outlines and edges */
export function lipsPath(points) {
  const rows = ['upper_lip_top', 'upper_lip_edge', 'lower_lip_edge', 'lower_lip_bottom'];
  const at = byName(points);
  return rows.map((row) => arc(at.left_corner, at[row], at.right_corner)).join(' ');
}

/** @param {MouthPoint[]} points @returns {string} an SVG path: a short line along the mouth, through the chin */
export function chinPath(points) {
  const { left_corner: left, right_corner: right, chin } = byName(points);
  const [x, y] = [((right.x - left.x) * CHIN_WIDTH) / 2, ((right.y - left.y) * CHIN_WIDTH) / 2];
  const lift = 0.2; // a chin is round
  const end = (/** @type {1|-1} */ sign) => ({ x: chin.x + sign * x + lift * y, y: chin.y + sign * y - lift * x });
  return arc(end(-1), chin, end(1));
}

/**
 * A parabola from one end through a middle to the other end, as the server bends a lip.
 * @param {{x: number, y: number}} from
 * @param {{x: number, y: number}} middle
 * @param {{x: number, y: number}} to
 */
function arc(from, middle, to) {
  const control = { x: 2 * middle.x - (from.x + to.x) / 2, y: 2 * middle.y - (from.y + to.y) / 2 };
  return `M${from.x} ${from.y}Q${control.x} ${control.y} ${to.x} ${to.y}`;
}

/** @param {MouthPoint[]} points */
function byName(points) {
  return Object.fromEntries(points.map((point) => [point.name, point]));
}
