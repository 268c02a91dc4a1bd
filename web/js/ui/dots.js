/** Dots on a picture that a pointer takes and the keyboard reaches. */

/** @typedef {import('../api.js').MouthPoint} MouthPoint @typedef {{point: MouthPoint, button: HTMLElement}} Dot */

const REACH_PX = 48; // on the screen: how far from a dot it may be taken, so that a finger need not hide it
const TOUCHING_PX = 8; // on the screen: closed lips have two dots in one place

/**
 * Make a dot: a slider to screen readers, so that they leave the arrow keys to it; its text says both directions.
 * @param {MouthPoint} point
 * @param {number} width of the picture: how far across it may be
 * @returns {Dot}
 */
export function createDot(point, width) {
  const button = document.createElement('button');
  button.type = 'button';
  button.className = 'dot';
  button.dataset.name = point.name;
  button.setAttribute('role', 'slider');
  button.setAttribute('aria-label', point.label);
  // A point may have been found outside the picture.
  button.setAttribute('aria-valuemin', String(Math.min(0, Math.round(point.x), Math.round(point.found_x))));
  button.setAttribute('aria-valuemax', String(Math.max(width, Math.round(point.x), Math.round(point.found_x))));
  return { point, button };
}

/**
 * Say where a dot is.
 * @param {Dot} dot
 * @param {{x: number, y: number, side: number}} region the square of the picture that is shown
 */
export function placeDot({ point, button }, { x, y, side }) {
  button.style.left = `${((point.x - x) / side) * 100}%`;
  button.style.top = `${((point.y - y) / side) * 100}%`;
  button.setAttribute('aria-valuenow', String(Math.round(point.x)));
  button.setAttribute('aria-valuetext', `${Math.round(point.x)} across, ${Math.round(point.y)} down`);
}

/**
 * Find what a pointer takes: the nearest dot, or two of them where both are in one place.
 * @param {Dot[]} dots
 * @param {{x: number, y: number}} at on the screen
 * @returns {Dot[]} none, one or two, in the order of `dots`
 */
export function dotsAt(dots, at) {
  const near = dots
    .map((dot) => ({ dot, far: distance(centreOf(dot), at) }))
    .filter(({ far }) => far < REACH_PX)
    .sort((one, other) => one.far - other.far)
    .map(({ dot }) => dot);
  const touch = near.length > 1 && distance(centreOf(near[0]), centreOf(near[1])) < TOUCHING_PX;
  const taken = near.slice(0, touch ? 2 : 1);
  return dots.filter((dot) => taken.includes(dot));
}

/** @param {Dot} dot */
function centreOf({ button }) {
  const { left, top, width, height } = button.getBoundingClientRect();
  return { x: left + width / 2, y: top + height / 2 };
}

/** @param {{x: number, y: number}} one @param {{x: number, y: number}} other */
function distance(one, other) {
  return Math.hypot(one.x - other.x, one.y - other.y);
}
