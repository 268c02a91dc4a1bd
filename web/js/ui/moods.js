/** The choice of mood: how the face looks while it speaks and listens. */

import { Emitter } from '../emitter.js';

/** @typedef {'neutral'|'warm'|'serious'|'surprised'|'sorry'} Mood */

/**
 * A row of radio buttons. Dispatches `choose`.
 * @extends {Emitter<{choose: Mood}>}
 */
export class Moods extends Emitter {
  /** @param {HTMLElement} row holds an `input` for each mood */
  constructor(row) {
    super();
    row.addEventListener('change', ({ target }) => {
      if (target instanceof HTMLInputElement) this.tell('choose', /** @type {Mood} */ (target.value));
    });
  }
}
