/** The stage: the chosen face's picture, and the video that fades in over it. */

import { pictureOf } from '../faces/pictures.js';
import { part } from './part.js';

/** Shows a still face or a speaking one, in a frame that never changes its size. */
export class Stage {
  #element;
  #poster;
  #backdrop;
  #video;
  #level;
  #mark;
  /** @type {?import('../api.js').Avatar} the one whose picture comes */
  #shown = null;

  /** @param {HTMLElement} element holds #poster, #backdrop, #video, #level and #mark */
  constructor(element) {
    this.#element = element;
    this.#poster = part(element, '#poster', HTMLImageElement);
    this.#backdrop = part(element, '#backdrop', HTMLImageElement);
    this.#video = part(element, '#video', HTMLVideoElement);
    this.#level = part(element, '#level', HTMLElement);
    this.#mark = part(element, '#mark', HTMLElement);
    this.#video.disablePictureInPicture = true; // the mark would not be in it
  }

  /** @param {string} text what says that a machine makes the picture */
  showMark(text) {
    if (text) this.#mark.textContent = text;
  }

  /** @param {import('../api.js').Avatar} avatar */
  showPicture(avatar) {
    this.#shown = avatar;
    this.#poster.alt = avatar.name;
    pictureOf(avatar).then((address) => {
      if (this.#shown === avatar) this.#poster.src = this.#backdrop.src = address;
    });
  }

  /**
   * Play what the server sends.
   * @param {MediaStream} stream
   * @param {(sentence: string) => void} onBlocked the browser wants a click before it plays sound
   */
  async showVideo(stream, onBlocked) {
    const video = this.#video;
    video.srcObject = stream;
    this.#whenFirstFrame(() => {
      if (video.srcObject === stream) this.#element.classList.add('is-speaking');
    });
    try {
      await video.play();
    } catch (error) {
      const isBlocked = error instanceof Error && error.name === 'NotAllowedError';
      if (!isBlocked || video.srcObject !== stream) return;
      this.#element.addEventListener('click', () => video.play(), { once: true });
      onBlocked('The browser holds the sound back. Click the picture to hear it.');
    }
  }

  /** Back to the still picture. */
  showNothing() {
    this.#element.classList.remove('is-speaking');
    this.#video.srcObject = null;
    this.showLevel(0);
  }

  /** @param {number} peak loudness of the microphone, 0…1 */
  showLevel(peak) {
    // A square root, because loudness is heard that way: quiet speech should show.
    this.#level.style.setProperty('--level', Math.sqrt(peak).toFixed(2));
  }

  /** @param {() => void} act */
  #whenFirstFrame(act) {
    if (typeof this.#video.requestVideoFrameCallback === 'function') this.#video.requestVideoFrameCallback(act);
    else this.#video.addEventListener('playing', act, { once: true });
  }
}
