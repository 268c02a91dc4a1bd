/** A small chart of the last minute: how far lips and voice are apart, and the delay. */

const SECONDS = 60;
const WIDTH = 300;
const HEIGHT = 48;
const OFFSET_RANGE_MS = 100; // up and down from the middle
const DELAY_RANGE_MS = 500; // from the bottom
const GOOD_MS = 35;
const SVG = 'http://www.w3.org/2000/svg';

/** Draws one second after another, the latest at the right edge. */
export class Trend {
  #points = []; // {offsetMs, delayMs}, either may be null
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

  /** @param {{offsetMs: ?number, delayMs: ?number}} point of this second */
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
    const line = (value, y) =>
      this.#points.flatMap((point, i) => (point[value] === null ? [] : [`${this.#x(i)},${y(point[value])}`])).join(' ');
    this.#offset.setAttribute('points', line('offsetMs', offsetY));
    this.#delay.setAttribute('points', line('delayMs', delayY));
  }

  #x(i) {
    return WIDTH - ((this.#points.length - 1 - i) / (SECONDS - 1)) * WIDTH;
  }
}

function offsetY(ms) {
  return (HEIGHT / 2) * (1 - clamp(ms / OFFSET_RANGE_MS, -1, 1));
}

function delayY(ms) {
  return HEIGHT * (1 - clamp(ms / DELAY_RANGE_MS, 0, 1));
}

function clamp(value, low, high) {
  return Math.min(high, Math.max(low, value));
}

function make(name, attributes) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  return element;
}
