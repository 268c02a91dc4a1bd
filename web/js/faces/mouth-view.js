/** The lower face, enlarged, with its points as dots to move and the lips drawn through them. */

import { Emitter } from '../emitter.js';
import { createDot, dotsAt, placeDot } from '../ui/dots.js';
import { part } from '../ui/part.js';
import { chinPath, lipsPath, regionAround } from './mouth-shape.js';
import { pictureOf } from './pictures.js';

/** @typedef {import('../api.js').MouthPoint} MouthPoint @typedef {import('../ui/dots.js').Dot} Dot */

/** @typedef {{x: number, y: number}} Spot on the screen, or on the picture */

const DECIDING_PX = 3; // of movement on the screen: then it shows which of two dots was meant
const STEP = 1 / 200; // of the view's side, for an arrow key; about a hundredth of the mouth
const LARGE_STEP = 10 * STEP;
const RIM = 0.06; // of the view's side: a dot that is left there makes the view larger
/** @type {Record<string, [number, number]>} */
const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

/**
 * Shows points and lets them be moved. Dispatches `point` with the MouthPoint in hand.
 * @extends {Emitter<{point: MouthPoint}>}
 */
export class MouthView extends Emitter {
  #element;
  #picture = { width: 1, height: 1 };
  #region = { x: 0, y: 0, side: 1 };
  /** @type {Dot[]} */
  #dots = [];
  /** @type {?{dots: Dot[], start: Spot, from: Spot}} one dot, or two until the movement says which */
  #held = null;
  /** @type {?import('../api.js').Avatar} */
  #shown = null;

  /** @param {HTMLElement} element holds an svg with an image, .lips and .chin */
  constructor(element) {
    super();
    this.#element = element;
    element.addEventListener('mousedown', (event) => event.preventDefault()); // would take the focus from the dot again
    element.addEventListener('pointerdown', (event) => this.#take(event));
    element.addEventListener('pointermove', (event) => this.#drag(event));
    element.addEventListener('pointerup', (event) => this.#release(event));
    element.addEventListener('pointercancel', (event) => this.#release(event));
    element.addEventListener('keydown', (event) => this.#press(event));
    element.addEventListener('focusin', ({ target }) => {
      const dot = this.#dotOf(target);
      if (dot) this.tell('point', dot.point);
    });
  }

  /** Where the points are now. @returns {MouthPoint[]} */
  get points() {
    return this.#dots.map(({ point }) => point);
  }

  /** @param {import('../api.js').Avatar} avatar @param {MouthPoint[]} points */
  show(avatar, points) {
    this.#held = null;
    this.#shown = avatar;
    this.#picture = { width: avatar.width, height: avatar.height };
    const image = part(this.#element, 'image', SVGImageElement);
    image.removeAttribute('href');
    pictureOf(avatar).then((address) => {
      if (this.#shown === avatar) image.setAttribute('href', address);
    });
    image.setAttribute('width', String(avatar.width));
    image.setAttribute('height', String(avatar.height));
    for (const { button } of this.#dots) button.remove();
    this.#dots = points.map((point) => createDot({ ...point }, avatar.width));
    this.#element.append(...this.#dots.map(({ button }) => button));
    this.#fit();
  }

  /** Put every point back to where it was found. */
  reset() {
    for (const { point } of this.#dots) Object.assign(point, { x: point.found_x, y: point.found_y });
    this.#fit();
  }

  /** @param {PointerEvent} event */
  #take({ isPrimary, button, pointerId, clientX, clientY }) {
    if (!isPrimary || button !== 0) return;
    const at = { x: clientX, y: clientY };
    const dots = dotsAt(this.#dots, at);
    if (!dots.length) return;
    this.#element.setPointerCapture(pointerId);
    this.#hold(dots, at);
  }

  /** @param {Dot[]} dots @param {Spot} start */
  #hold(dots, start) {
    const [{ point, button }] = dots;
    this.#held = { dots, start, from: { x: point.x, y: point.y } };
    button.focus({ preventScroll: true });
    for (const dot of this.#dots) dot.button.classList.toggle('is-held', dot.button === button);
  }

  /** @param {Pick<PointerEvent, 'isPrimary'|'clientX'|'clientY'>} event */
  #drag({ isPrimary, clientX, clientY }) {
    if (!this.#held || !isPrimary) return;
    const { dots, start, from } = this.#held;
    const [right, down] = [clientX - start.x, clientY - start.y];
    if (dots.length > 1) {
      if (Math.hypot(right, down) < DECIDING_PX) return;
      // Of two dots in one place, upwards takes the upper one, which comes first.
      this.#hold([dots[down < 0 ? 0 : 1]], start);
      this.#drag({ isPrimary, clientX, clientY });
      return;
    }
    const scale = this.#region.side / this.#element.clientWidth;
    this.#move(dots[0], from.x + right * scale, from.y + down * scale);
  }

  /** @param {PointerEvent} event */
  #release({ isPrimary }) {
    if (!this.#held || !isPrimary) return;
    for (const { button } of this.#held.dots) button.classList.remove('is-held');
    this.#held = null;
    this.#makeRoom();
  }

  /** @param {KeyboardEvent} event */
  #press(event) {
    const dot = this.#dotOf(event.target);
    const arrow = ARROWS[event.key];
    if (!dot || !arrow || event.altKey || event.ctrlKey || event.metaKey) return;
    event.preventDefault();
    const step = (event.shiftKey ? LARGE_STEP : STEP) * this.#region.side;
    this.#move(dot, dot.point.x + arrow[0] * step, dot.point.y + arrow[1] * step);
    this.#makeRoom();
  }

  /** @param {Dot} dot @param {number} x @param {number} y */
  #move({ point }, x, y) {
    const { width, height } = this.#picture;
    const region = this.#region;
    point.x = within(x, Math.max(0, region.x), Math.min(width, region.x + region.side));
    point.y = within(y, Math.max(0, region.y), Math.min(height, region.y + region.side));
    this.tell('point', point);
    this.#draw();
  }

  #makeRoom() {
    const { x, y, side } = this.#region;
    const isAtRim = (/** @type {Dot} */ { point }) =>
      Math.min(point.x - x, point.y - y, x + side - point.x, y + side - point.y) < RIM * side;
    if (this.#dots.some(isAtRim)) this.#fit();
  }

  #fit() {
    this.#region = regionAround(this.points);
    this.#draw();
  }

  #draw() {
    const region = this.#region;
    const { x, y, side } = region;
    part(this.#element, 'svg', SVGSVGElement).setAttribute('viewBox', `${x} ${y} ${side} ${side}`);
    for (const line of this.#element.querySelectorAll('path')) {
      line.setAttribute('d', (line.classList.contains('lips') ? lipsPath : chinPath)(this.points));
    }
    for (const dot of this.#dots) placeDot(dot, region);
  }

  /** @param {?EventTarget} element */
  #dotOf(element) {
    return this.#dots.find(({ button }) => button === element);
  }
}

/** @param {number} value @param {number} low @param {number} high */
function within(value, low, high) {
  return Math.round(Math.min(Math.max(value, low), high) * 100) / 100;
}
