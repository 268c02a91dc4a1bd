/** The form for the server's key, where it asks for one. */

import { forgetKey, keepKey, serverKey, testKey } from '../api.js';
import { Emitter } from '../emitter.js';
import { sentenceFor } from '../errors.js';
import { part } from './part.js';

/**
 * Hidden until it is needed; what is typed is used from then on. Dispatches `accepted` once the server knows the key
 * that was sent off.
 * @extends {Emitter<{accepted: undefined}>}
 */
export class KeyForm extends Emitter {
  #form;
  #input;
  #kept;
  #why;
  #row;

  /** @param {HTMLFormElement} form @param {HTMLElement} row of the settings, where a key can be forgotten */
  constructor(form, row) {
    super();
    this.#form = form;
    this.#row = row;
    this.#input = part(form, 'input[type="password"]', HTMLInputElement);
    this.#kept = part(form, 'input[type="checkbox"]', HTMLInputElement);
    this.#why = part(form, '[role="status"]', HTMLElement);
    this.#input.addEventListener('input', () => this.#keep());
    this.#kept.addEventListener('change', () => this.#keep());
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      this.check().then((isKnown) => isKnown && this.tell('accepted'));
    });
    part(row, 'button', HTMLButtonElement).addEventListener('click', () => this.#forget());
  }

  /**
   * The server asked, or did not know the key: show the form. The focus goes there unless somebody types elsewhere.
   * @param {string} why
   */
  ask(why) {
    this.#form.classList.toggle('is-refused', Boolean(serverKey()));
    this.#form.hidden = false;
    this.#why.textContent = why;
    const focused = document.activeElement;
    const isTyping = focused instanceof HTMLInputElement && focused.type === 'text' && focused.value;
    if (!isTyping) this.#input.focus();
  }

  /** Ask the server whether it knows the key. @returns {Promise<boolean>} */
  async check() {
    try {
      await testKey();
    } catch (error) {
      this.ask(sentenceFor(error));
      return false;
    }
    this.#form.hidden = true;
    this.#row.hidden = !serverKey();
    return true;
  }

  #keep() {
    keepKey(this.#input.value.trim(), this.#kept.checked ? 'local' : 'session');
  }

  #forget() {
    forgetKey();
    this.#input.value = '';
    this.#row.hidden = true;
    this.ask('The key is forgotten here.');
  }
}
