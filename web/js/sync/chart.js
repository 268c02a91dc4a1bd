/** Offset and delay over time, as an SVG. */

const WIDTH = 720;
const HEIGHT = 220;
const LEFT = 56;
const BOTTOM = 24;
const RANGES = [50, 100, 250, 500]; // ms, the first that holds all
const SVG = 'http://www.w3.org/2000/svg';

/**
 * @param {SVGElement} svg
 * @param {{atS: number, offsetMs: number, delayMs: ?number}[]} pairs
 * @param {number} seconds the time axis' length
 */
export function drawChart(svg, pairs, seconds) {
  const largest = Math.max(...pairs.map(({ offsetMs }) => Math.abs(offsetMs)));
  const range = RANGES.find((limit) => limit >= largest) ?? largest;
  const middle = (HEIGHT - BOTTOM) / 2;
  const x = (/** @type {number} */ s) => LEFT + (Math.max(0, s) / seconds) * (WIDTH - LEFT - 8);
  const y = (/** @type {number} */ ms) => middle - (ms / range) * (middle - 10);
  svg.setAttribute('viewBox', `0 0 ${WIDTH} ${HEIGHT}`);
  svg.replaceChildren(
    make('rect', { class: 'good', x: LEFT, y: y(35), width: WIDTH - LEFT - 8, height: y(-35) - y(35) }),
    ...[-range, 0, range].flatMap((ms) => [
      make('line', { class: 'grid', x1: LEFT, x2: WIDTH - 8, y1: y(ms), y2: y(ms) }),
      make('text', { x: LEFT - 6, y: y(ms) + 4, 'text-anchor': 'end' }, `${ms} ms`),
    ]),
    make('text', { x: WIDTH - 8, y: HEIGHT - 6, 'text-anchor': 'end' }, `${seconds} s`),
    make('text', { x: LEFT, y: HEIGHT - 6 }, 'flash minus beep; the band is ±35 ms'),
    ...pairs.map(({ atS, offsetMs }) => make('circle', { class: 'offset', cx: x(atS), cy: y(offsetMs), r: 3.5 })),
  );
}

/** @param {string} name @param {Record<string, string|number>} attributes */
function make(name, attributes, text = '') {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, String(value));
  element.textContent = text;
  return element;
}
