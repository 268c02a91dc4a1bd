/** Whether the face is heard: as its page wishes, as far as the browser lets it. */

import { Emitter } from '../emitter.js';

/**
 * What the browser holds back until somebody touches the page: nothing, the sound, or all playing.
 * @typedef {'nothing'|'sound'|'all'} Held
 */

/**
 * Plays a video with sound, or without it where that is refused. Dispatches `change` when `isMuted` or `held` does.
 * @extends {Emitter<{change: undefined}>}
 */
export class Sound extends Emitter {
  #video;
  #isWanted = true;
  /** @type {Held} */
  #held = 'nothing';

  /** @param {HTMLVideoElement} video */
  constructor(video) {
    super();
    this.#video = video;
  }

  get held() {
    return this.#held;
  }

  /** Whether nothing is heard, for whichever reason. */
  get isMuted() {
    return !this.#isWanted || this.#held !== 'nothing';
  }

  /** @param {boolean} isWanted */
  want(isWanted) {
    if (isWanted === this.#isWanted) return;
    this.#isWanted = isWanted;
    this.#show();
    if (this.#video.srcObject) this.play(); // asked for by a script, the browser may refuse the sound now
  }

  /** Play what the video was given. */
  async play() {
    if (await this.#tries('nothing')) return;
    if (this.#isWanted && (await this.#tries('sound'))) return;
    this.#hold('all');
  }

  /** Somebody touched the page, and the browser lets it play. */
  async release() {
    if (this.#held === 'nothing') return;
    this.#isWanted = true;
    await this.play();
  }

  /** @param {Held} held what is given up before it plays @returns {Promise<boolean>} whether the browser lets it */
  async #tries(held) {
    const video = this.#video;
    const stream = video.srcObject;
    video.muted = !this.#isWanted || held !== 'nothing';
    try {
      await video.play();
    } catch (error) {
      const isRefused = error instanceof Error && error.name === 'NotAllowedError';
      if (isRefused && video.srcObject === stream) return false;
      return true; // another stream took its place, or none: not for this one to say
    }
    this.#hold(held);
    return true;
  }

  /** @param {Held} held */
  #hold(held) {
    if (held === this.#held) return;
    this.#held = held;
    this.#show();
  }

  #show() {
    this.#video.muted = this.isMuted;
    this.tell('change');
  }
}
