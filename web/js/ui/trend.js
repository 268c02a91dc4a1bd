/** A small chart of the last minute: how far lips and voice are apart, and the delay. */

const SECONDS = 60;
const WIDTH = 300;
const HEIGHT = 48;
const OFFSET_RANGE_MS = 100; // up and down from the middle
const DELAY_RANGE_MS = 500; // from the bottom
const GOOD_MS = 35;
const SVG = 'http://www.w3.org/2000/svg';

/** @typedef {{offsetMs: ?number, delayMs: ?number}} Point of one second */

/** Draws one second after another, the latest at the right edge. */
export class Trend {
  /** @type {Point[]} */
  #points = [];
  #offset = make('polyline', { class: 'offset' });
  #delay = make('polyline', { class: 'delay' });

  /** @param {SVGElement} svg */
  constructor(svg) {
    const [top, bottom] = [offsetY(GOOD_MS), offsetY(-GOOD_MS)];
    svg.setAttribute('viewBox', `0 0 ${WIDTH} ${HEIGHT}`);
    svg.setAttribute('preserveAspectRatio', 'none');
    svg.replaceChildren(
      make('rect', { class: 'good', x: 0, y: top, width: WIDTH, height: bottom - top }), this.#delay, this.#offset,
    );
  }

  /** @param {Point} point */
  add(point) {
    this.#points.push(point);
    if (this.#points.length > SECONDS) this.#points.shift();
    this.#draw();
  }

  /** Empty the chart. */
  clear() {
    this.#points = [];
    this.#draw();
  }

  #draw() {
    this.#offset.setAttribute('points', this.#line(({ offsetMs }) => offsetMs, offsetY));
    this.#delay.setAttribute('points', this.#line(({ delayMs }) => delayMs, delayY));
  }

  /** @param {(point: Point) => ?number} valueOf @param {(ms: number) => number} y */
  #line(valueOf, y) {
    const spots = this.#points.flatMap((point, i) => {
      const ms = valueOf(point);
      return ms === null ? [] : [`${this.#x(i)},${y(ms)}`];
    });
    return spots.join(' ');
  }

  /** @param {number} i */
  #x(i) {
    return WIDTH - ((this.#points.length - 1 - i) / (SECONDS - 1)) * WIDTH;
  }
}

/** @param {number} ms */
function offsetY(ms) {
  return (HEIGHT / 2) * (1 - clamp(ms / OFFSET_RANGE_MS, -1, 1));
}

/** @param {number} ms */
function delayY(ms) {
  return HEIGHT * (1 - clamp(ms / DELAY_RANGE_MS, 0, 1));
}

/** @param {number} value @param {number} low @param {number} high */
function clamp(value, low, high) {
  return Math.min(high, Math.max(low, value));
}

/** @param {string} name @param {Record<string, string|number>} attributes */
function make(name, attributes) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
  return element;
}
