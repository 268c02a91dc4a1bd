/** The field for what the face shall say. */

import { Emitter } from '../emitter.js';
import { part } from './part.js';
import { recall, remember } from './memory.js';

const VOICE_NAME = 'lipwire.voice';

/**
 * Dispatches `begin` when somebody begins to type, and `say` with a text.
 * @extends {Emitter<{begin: undefined, say: string}>}
 */
export class Typing extends Emitter {
  #form;
  #text;
  #button;
  #why;
  #voice;
  #voiceRow;

  /** @param {HTMLFormElement} form @param {HTMLElement} why the line beneath @param {HTMLElement} voiceRow */
  constructor(form, why, voiceRow) {
    super();
    this.#form = form;
    this.#text = part(form, 'input', HTMLInputElement);
    this.#button = part(form, 'button', HTMLButtonElement);
    this.#why = why;
    this.#voiceRow = voiceRow;
    this.#voice = part(voiceRow, 'select', HTMLSelectElement);
    this.#text.addEventListener('input', () => {
      this.#button.disabled = !this.#said;
      if (this.#said) this.tell('begin');
    });
    form.addEventListener('submit', (event) => {
      event.preventDefault();
      this.#submit();
    });
    this.#voice.addEventListener('change', () => remember('local', VOICE_NAME, this.#voice.value));
    this.#button.disabled = true;
  }

  /** The voice that was chosen; empty for the server's own. */
  get voice() {
    return this.#voice.value;
  }

  /** @param {import('../api.js').Voices} known */
  showVoices({ voices, default: usual, why }) {
    if (usual === null) return this.showMissing(why || 'This server speaks no text.');
    this.#form.hidden = false;
    this.#why.hidden = true;
    const names = voices.map(({ id, name, language }) => new Option(language ? `${name} (${language})` : name, id));
    this.#voice.replaceChildren(new Option('The server’s own', ''), ...names);
    this.#voice.value = recall('local', VOICE_NAME) ?? '';
    if (this.#voice.selectedIndex < 0) this.#voice.value = '';
    this.#voiceRow.hidden = voices.length < 2;
  }

  /** Nothing speaks here. @param {string} why */
  showMissing(why) {
    this.#form.hidden = this.#voiceRow.hidden = true;
    this.#why.textContent = why;
    this.#why.hidden = false;
  }

  /** Put back what could not be said, unless something else was typed since. @param {string} text */
  restore(text) {
    if (this.#said) return;
    this.#text.value = text;
    this.#button.disabled = false;
  }

  /** Go on where somebody was typing, if anybody was. */
  focus() {
    if (this.#said) this.#text.focus();
  }

  get #said() {
    return this.#text.value.trim();
  }

  #submit() {
    if (!this.#said) return;
    this.tell('say', this.#said);
    this.#text.value = '';
    this.#button.disabled = true;
  }
}
