/** The field for the server's key, where it asks for one. */

import { KEY_NAME } from '../api.js';
import { recall, remember } from './memory.js';
import { part } from './part.js';

/** Hidden until it is needed; what is typed is used from then on. */
export class KeyField {
  #row;
  #input;

  /** @param {HTMLElement} row within closed settings */
  constructor(row) {
    this.#row = row;
    this.#input = part(row, 'input', HTMLInputElement);
    this.#input.value = recall('session', KEY_NAME) ?? '';
    row.hidden = !this.#input.value;
    this.#input.addEventListener('input', () => remember('session', KEY_NAME, this.#input.value.trim()));
  }

  /** The server asked: open the settings at the field, to which the focus goes unless somebody types elsewhere. */
  ask() {
    this.#row.hidden = false;
    this.#row.closest('details')?.setAttribute('open', '');
    const focused = document.activeElement;
    const isTyping = focused instanceof HTMLInputElement && focused.type === 'text' && focused.value;
    if (!isTyping) this.#input.focus();
  }
}
