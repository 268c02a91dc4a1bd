/** The elements inside a face, made without a line of markup: a page may forbid that. */

import { STYLE } from './face-style.js';
import { USUAL_MARK } from './mark.js';

const SVG = 'http://www.w3.org/2000/svg';
const SPEAKER = 'M4.5 9.5v5h3L12 18.5v-13L7.5 9.5z';
export const HEARD_ICON = `${SPEAKER}M15.5 9a4.2 4.2 0 0 1 0 6M18 6.5a7.8 7.8 0 0 1 0 11`;
export const SILENT_ICON = `${SPEAKER}M16 9.5l5 5m0-5l-5 5`;
export const PLAY_ICON = 'M8 5.5v13l10.5-6.5z';

/** @type {?CSSStyleSheet} one for all faces of a page */
let shared = null;

/** The shadow tree of one face. */
export class FaceParts {
  frame = make('div', 'frame');
  poster = make('img', 'poster');
  video = make('video', 'picture');
  still = make('canvas', 'still');
  status = make('p', 'status');
  message = make('p', 'message');
  button = make('button', 'sound');
  mark = make('p', 'mark');
  #buttonText = document.createElement('span');
  #icon = document.createElementNS(SVG, 'path');
  #size = new CSSStyleSheet();

  /** @param {ShadowRoot} root */
  constructor(root) {
    if (!shared) {
      shared = new CSSStyleSheet();
      shared.replaceSync(STYLE);
    }
    root.adoptedStyleSheets = [shared, this.#size];
    this.poster.alt = '';
    this.poster.hidden = true;
    this.video.playsInline = true;
    this.video.disablePictureInPicture = true; // the mark would not be in it
    this.video.setAttribute('controlslist', 'nofullscreen'); // nor there, should a browser offer controls
    this.video.setAttribute('aria-label', 'Talking face');
    this.mark.textContent = USUAL_MARK;
    this.mark.id = 'mark';
    this.video.setAttribute('aria-describedby', this.mark.id);
    this.still.setAttribute('aria-hidden', 'true');
    this.status.setAttribute('role', 'status');
    this.message.setAttribute('role', 'alert');
    this.message.hidden = true;
    this.button.type = 'button';
    this.button.hidden = true;
    const svg = document.createElementNS(SVG, 'svg');
    svg.setAttribute('viewBox', '0 0 24 24');
    svg.setAttribute('aria-hidden', 'true');
    svg.append(this.#icon);
    this.button.append(svg, this.#buttonText);
    const line = document.createElement('div');
    line.className = 'line';
    line.append(this.status, this.button);
    this.frame.append(this.poster, this.video, this.still, this.message, this.mark, line);
    root.append(this.frame);
    this.setSize(1, 1);
  }

  /**
   * Be as large as the picture and of its shape, unless the page says otherwise.
   * @param {number} width of the picture, or of its shape alone
   * @param {number} height
   */
  setSize(width, height) {
    const natural = width > 1 ? width : 512;
    const shape = `.mark { --shape: ${width / height} !important; }`;
    this.#size.replaceSync(`:host { width: ${natural}px; aspect-ratio: ${width} / ${height}; } ${shape}`);
  }

  /** @param {string} sentence what goes on, else nothing */
  say(sentence) {
    if (this.status.textContent === sentence) return;
    this.status.textContent = sentence;
    if (!sentence) return;
    const lamp = document.createElement('span');
    lamp.className = 'lamp';
    this.status.prepend(lamp);
  }

  /** @param {string} sentence why there is nothing to be seen any more, else nothing */
  end(sentence) {
    this.message.textContent = sentence;
    this.message.hidden = !sentence;
    const isSeen = this.video.classList.contains('is-shown') || !this.poster.hidden;
    this.frame.classList.toggle('has-picture', isSeen);
    this.frame.classList.toggle('is-over', Boolean(sentence));
  }

  /** @param {string} icon @param {string} text @param {{isHeld: boolean, isMuted: boolean}} sound */
  offer(icon, text, { isHeld, isMuted }) {
    this.#icon.setAttribute('d', icon);
    this.#buttonText.textContent = text;
    this.frame.classList.toggle('is-held', isHeld);
    this.frame.classList.toggle('is-muted', isMuted);
  }
}

/**
 * @template {keyof HTMLElementTagNameMap} Tag
 * @param {Tag} tag
 * @param {string} name of its class, and by which a page's style reaches it
 * @returns {HTMLElementTagNameMap[Tag]}
 */
function make(tag, name) {
  const element = document.createElement(tag);
  element.className = name;
  element.setAttribute('part', name);
  return element;
}
