/** Whether the face is heard: each mode's own choice, remembered. */

import { recall, remember } from './memory.js';
import { part } from './part.js';

/** @typedef {import('../session/conversation.js').Mode} Mode */

// One's own voice a quarter of a second late makes one stammer, and a loudspeaker feeds it back into the microphone.
const IS_HEARD_AT_FIRST = { live: false, clip: true, agent: true };

/** Mutes and unmutes the video, and says so on its button. */
export class Hearing {
  #video;
  #button;
  /** @type {?Mode} */
  #mode = null;

  /**
   * @param {HTMLVideoElement} video is muted, not stopped: what the browser measures of its sound goes on
   * @param {HTMLButtonElement} button holds an icon and its words
   */
  constructor(video, button) {
    this.#video = video;
    this.#button = button;
  }

  /** @param {?Mode} mode null while no session is there, which hides the button */
  showMode(mode) {
    this.#button.hidden = mode === null;
    if (mode === null || mode === this.#mode) return;
    this.#mode = mode;
    this.#show(lastChoice(mode) ?? IS_HEARD_AT_FIRST[mode]);
  }

  /** Change it. @returns {boolean} whether the face is heard now */
  toggle() {
    const isHeard = this.#video.muted;
    this.#show(isHeard);
    if (this.#mode) remember('local', keyOf(this.#mode), String(isHeard));
    return isHeard;
  }

  /** @param {boolean} isHeard */
  #show(isHeard) {
    this.#video.muted = !isHeard;
    this.#button.setAttribute('aria-pressed', String(isHeard));
    part(this.#button, 'span', HTMLElement).textContent = isHeard ? 'Mute the face' : 'Hear the face';
    part(this.#button, 'use', SVGUseElement).setAttribute('href', isHeard ? '#icon-sound' : '#icon-silent');
  }
}

/** @param {Mode} mode */
function keyOf(mode) {
  return `lipwire.heard.${mode}`;
}

/** @param {Mode} mode @returns {?boolean} the last choice; null where there was none */
function lastChoice(mode) {
  const kept = recall('local', keyOf(mode));
  return kept === null ? null : kept === 'true';
}
