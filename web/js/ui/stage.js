/** The stage: the chosen face's picture, and the video that fades in over it. */

import { pictureOf } from '../faces/pictures.js';
import { Picture } from '../watch/picture.js';
import { part } from './part.js';

/** Shows a still face or a speaking one, in a frame that never changes its size. */
export class Stage {
  #element;
  #poster;
  #backdrop;
  #video;
  #picture;
  #level;
  #mark;
  /** @type {?import('../api.js').Avatar} the one whose picture comes */
  #shown = null;

  /** @param {HTMLElement} element holds #poster, #backdrop, #video, #still, #level and #mark */
  constructor(element) {
    this.#element = element;
    this.#poster = part(element, '#poster', HTMLImageElement);
    this.#backdrop = part(element, '#backdrop', HTMLImageElement);
    this.#video = part(element, '#video', HTMLVideoElement);
    this.#level = part(element, '#level', HTMLElement);
    this.#mark = part(element, '#mark', HTMLElement);
    this.#video.disablePictureInPicture = true; // the mark would not be in it
    const still = part(element, '#still', HTMLCanvasElement);
    this.#picture = new Picture(this.#video, still, () => element.classList.add('is-speaking'));
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
    this.#picture.show(stream);
    try {
      await video.play();
    } catch (error) {
      const isBlocked = error instanceof Error && error.name === 'NotAllowedError';
      if (!isBlocked || video.srcObject !== stream) return;
      this.#element.addEventListener('click', () => video.play(), { once: true });
      onBlocked('The browser holds the sound back. Click the picture to hear it.');
    }
  }

  /** What is seen stays until another stream has shown its first picture. */
  keep() {
    this.#picture.keep();
  }

  /** Back to the still picture. */
  showNothing() {
    this.#element.classList.remove('is-speaking');
    this.#picture.clear();
    this.showLevel(0);
  }

  /** @param {number} peak loudness of the microphone, 0…1 */
  showLevel(peak) {
    // A square root, because loudness is heard that way: quiet speech should show.
    this.#level.style.setProperty('--level', Math.sqrt(peak).toFixed(2));
  }
}
