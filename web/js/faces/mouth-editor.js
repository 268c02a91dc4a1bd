/** The dialog in which a face's mouth is put right. */

import { getMouth, resetMouth, saveMouth } from '../api.js';
import { sentenceFor } from '../errors.js';
import { MouthView } from './mouth-view.js';

/** @typedef {import('../api.js').Avatar} Avatar */

/**
 * Opens over the page. Dispatches `save` as a CustomEvent with {avatar, sentence} once the server has it, and `failure`
 * with the error where it has not and the dialog is no longer there to say so.
 */
export class MouthEditor extends EventTarget {
  #dialog;
  #view;
  #say;
  #saveButton;
  #visit = null; // {avatar}, another each time the dialog opens: a save may end after its dialog
  #before = []; // the points as they came, to tell whether anything was done

  /** @param {HTMLDialogElement} dialog holds .mouth-view, .status-line and the buttons */
  constructor(dialog) {
    super();
    this.#dialog = dialog;
    this.#view = new MouthView(dialog.querySelector('.mouth-view'));
    this.#say = sayer(dialog.querySelector('.status-line'));
    this.#saveButton = dialog.querySelector('.save');
    this.#saveButton.addEventListener('click', () => this.#save());
    dialog.querySelector('.reset').addEventListener('click', () => this.#reset());
    dialog.querySelector('.cancel').addEventListener('click', () => dialog.close());
    this.#view.addEventListener('point', ({ detail }) => this.#say(`${detail.label}.`));
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
    const { avatar } = visit;
    const points = this.#view.points;
    if (isSame(points, this.#before)) return this.#dialog.close();
    this.#saveButton.disabled = true;
    try {
      const sentence = await keep(avatar, points);
      if (this.#isOpenFor(visit)) this.#dialog.close();
      this.dispatchEvent(new CustomEvent('save', { detail: { avatar, sentence } }));
    } catch (error) {
      if (this.#isOpenFor(visit)) this.#say(sentenceFor(error), true);
      else this.dispatchEvent(new CustomEvent('failure', { detail: error }));
    }
    if (this.#isOpenFor(visit)) this.#saveButton.disabled = false;
  }

  #isOpenFor(visit) {
    return this.#dialog.open && visit === this.#visit;
  }
}

async function keep(avatar, points) {
  const found = points.map((point) => ({ ...point, x: point.found_x, y: point.found_y }));
  if (isSame(points, found)) {
    await resetMouth(avatar.id);
    return 'The mouth is again as it was found.';
  }
  await saveMouth(avatar.id, points);
  return 'The mouth is adjusted.';
}

function isSame(points, others) {
  return points.every(({ x, y }, place) => x === others[place].x && y === others[place].y);
}

function sayer(line) {
  const text = line.querySelector('[role=status]');
  return (sentence, isTrouble = false) => {
    if (sentence === text.textContent) return; // would be read aloud again
    text.textContent = sentence;
    line.classList.toggle('is-trouble', isTrouble);
  };
}
