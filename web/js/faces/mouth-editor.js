/** The dialog in which a face's mouth is put right. */

import { getMouth, resetMouth, saveMouth } from '../api.js';
import { Emitter } from '../emitter.js';
import { sentenceFor } from '../errors.js';
import { part } from '../ui/part.js';
import { MouthView } from './mouth-view.js';

/** @typedef {import('../api.js').Avatar} Avatar @typedef {import('../api.js').MouthPoint} MouthPoint */

/**
 * Opens over the page. Dispatches `save` with {avatar, sentence} once the server has it, and `failure` with the error
 * where it has not and the dialog is no longer there to say so.
 * @extends {Emitter<{save: {avatar: Avatar, sentence: string}, failure: unknown}>}
 */
export class MouthEditor extends Emitter {
  #dialog;
  #view;
  #say;
  #saveButton;
  /** @type {?{avatar: Avatar}} another each time the dialog opens: a save may end after its dialog */
  #visit = null;
  /** @type {MouthPoint[]} the points as they came, to tell whether anything was done */
  #before = [];

  /** @param {HTMLDialogElement} dialog holds .mouth-view, .status-line and the buttons */
  constructor(dialog) {
    super();
    this.#dialog = dialog;
    this.#view = new MouthView(part(dialog, '.mouth-view', HTMLElement));
    this.#say = sayer(part(dialog, '.status-line', HTMLElement));
    this.#saveButton = part(dialog, '.save', HTMLButtonElement);
    this.#saveButton.addEventListener('click', () => this.#save());
    part(dialog, '.reset', HTMLButtonElement).addEventListener('click', () => this.#reset());
    part(dialog, '.cancel', HTMLButtonElement).addEventListener('click', () => dialog.close());
    this.#view.on('point', ({ label }) => this.#say(`${label}.`));
  }

  /** Show a face's mouth; rejects with a Failure where the server does not give it. @param {Avatar} avatar */
  async open(avatar) {
    const { points } = await getMouth(avatar.id);
    if (this.#dialog.open) return;
    this.#visit = { avatar };
    this.#before = points;
    this.#saveButton.disabled = false;
    this.#view.show(avatar, points);
    this.#say('Take a dot.');
    this.#dialog.showModal();
  }

  #reset() {
    this.#view.reset();
    this.#say('As it was found. Save to keep it so.');
  }

  async #save() {
    const visit = this.#visit;
    if (!visit) return;
    const { avatar } = visit;
    const points = this.#view.points;
    if (isSame(points, this.#before)) return this.#dialog.close();
    this.#saveButton.disabled = true;
    try {
      const sentence = await keep(avatar, points);
      if (this.#isOpenFor(visit)) this.#dialog.close();
      this.tell('save', { avatar, sentence });
    } catch (error) {
      if (this.#isOpenFor(visit)) this.#say(sentenceFor(error), true);
      else this.tell('failure', error);
    }
    if (this.#isOpenFor(visit)) this.#saveButton.disabled = false;
  }

  /** @param {{avatar: Avatar}} visit */
  #isOpenFor(visit) {
    return this.#dialog.open && visit === this.#visit;
  }
}

/** @param {Avatar} avatar @param {MouthPoint[]} points @returns {Promise<string>} what was done */
async function keep(avatar, points) {
  const found = points.map((point) => ({ ...point, x: point.found_x, y: point.found_y }));
  if (isSame(points, found)) {
    await resetMouth(avatar.id);
    return 'The mouth is again as it was found.';
  }
  await saveMouth(avatar.id, points);
  return 'The mouth is adjusted.';
}

/** @param {MouthPoint[]} points @param {MouthPoint[]} others */
function isSame(points, others) {
  return points.every(({ x, y }, place) => x === others[place].x && y === others[place].y);
}

/** @param {HTMLElement} line */
function sayer(line) {
  const text = part(line, '[role=status]', HTMLElement);
  return (/** @type {string} */ sentence, isTrouble = false) => {
    if (sentence === text.textContent) return; // would be read aloud again
    text.textContent = sentence;
    line.classList.toggle('is-trouble', isTrouble);
  };
}
