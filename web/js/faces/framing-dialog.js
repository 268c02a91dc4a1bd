/** The dialog in which a picture is cropped to its face and gets another background, with a preview by the server. */

import { previewAvatar } from '../api.js';
import { Emitter } from '../emitter.js';
import { sentenceFor } from '../errors.js';
import { part } from '../ui/part.js';
import { changesNothing, framingOf } from './framing.js';
import { Latest } from './latest.js';

/** @typedef {import('./framing.js').Framing} Framing @typedef {{file: File, framing: Framing}} Wish */

/**
 * Opens over the page. Dispatches `use` with the file and the framing that was chosen for it.
 * @extends {Emitter<{use: Wish}>}
 */
export class FramingDialog extends Emitter {
  #dialog;
  #form;
  #picture;
  #status;
  #statusLine;
  #useButton;
  #behindInput;
  /** @type {?File} */
  #file = null;
  /** @type {?File} */
  #behind = null;
  #previews = new Latest((/** @type {Wish} */ wish) => this.#preview(wish));

  /** @param {HTMLDialogElement} dialog holds a form, an image, a .status-line and the buttons */
  constructor(dialog) {
    super();
    this.#dialog = dialog;
    this.#form = part(dialog, 'form', HTMLFormElement);
    this.#picture = part(dialog, '.framing-view img', HTMLImageElement);
    this.#statusLine = part(dialog, '.status-line', HTMLElement);
    this.#status = part(this.#statusLine, '[role="status"]', HTMLElement);
    this.#useButton = part(dialog, '.save', HTMLButtonElement);
    this.#behindInput = part(dialog, 'input[type="file"]', HTMLInputElement);
    this.#form.addEventListener('change', () => this.#show());
    this.#form.addEventListener('submit', (event) => {
      event.preventDefault();
      this.#use();
    });
    this.#behindInput.addEventListener('change', () => (this.#behind = this.#behindInput.files?.[0] ?? null));
    part(dialog, '.cancel', HTMLButtonElement).addEventListener('click', () => dialog.close());
    dialog.addEventListener('close', () => this.#previews.forget());
  }

  /** Show a picture as it is, until another framing is chosen. @param {File} file */
  open(file) {
    if (this.#dialog.open) return;
    this.#file = file;
    this.#behind = null;
    this.#form.reset();
    this.#dialog.showModal();
    this.#show();
  }

  #show() {
    const background = this.#field('background');
    part(this.#form, '.framing-colour', HTMLElement).hidden = background !== 'colour';
    part(this.#form, '.framing-behind', HTMLElement).hidden = background !== 'picture';
    const framing = this.#framing;
    this.#useButton.disabled = true; // until it was seen
    if (!framing || !this.#file) {
      this.#previews.forget();
      this.#say('Choose the picture behind.');
      return;
    }
    this.#say('Looking…');
    this.#previews.want({ file: this.#file, framing });
  }

  get #framing() {
    const [crop, background, colour] = [this.#field('crop'), this.#field('background'), this.#field('colour')];
    return framingOf({ crop, background, colour, behind: this.#behind });
  }

  /** @param {string} name */
  #field(name) {
    return String(new FormData(this.#form).get(name));
  }

  /** @param {Wish} wish */
  async #preview({ file, framing }) {
    const isWanted = () => this.#dialog.open && this.#file === file && !this.#previews.isOutdated;
    try {
      const preview = await previewAvatar(file, framing);
      if (!isWanted()) return;
      this.#picture.src = preview.image;
      this.#useButton.disabled = changesNothing(framing);
      this.#say(preview.notice || `${preview.width} × ${preview.height} pixels.`);
    } catch (error) {
      if (isWanted()) this.#say(sentenceFor(error), true);
    }
  }

  #use() {
    const framing = this.#framing;
    if (!this.#file || !framing || this.#useButton.disabled) return;
    this.#dialog.close();
    this.tell('use', { file: this.#file, framing });
  }

  /** @param {string} sentence */
  #say(sentence, isTrouble = false) {
    this.#status.textContent = sentence;
    this.#statusLine.classList.toggle('is-trouble', isTrouble);
  }
}
