/** The question before a face is deleted. */

import { part } from '../ui/part.js';

/** Asks over the page; Escape and the button that has the focus at first both keep the face. */
export class DeleteDialog {
  #dialog;
  #title;
  #picture;

  /** @param {HTMLDialogElement} dialog holds an h2, an img and a form that closes it with `delete` or without */
  constructor(dialog) {
    this.#dialog = dialog;
    this.#title = part(dialog, 'h2', HTMLElement);
    this.#picture = part(dialog, 'img', HTMLImageElement);
  }

  /** @param {import('../api.js').Avatar} avatar @returns {Promise<boolean>} whether it shall be deleted */
  ask(avatar) {
    const dialog = this.#dialog;
    this.#title.textContent = `Delete ${avatar.name}?`;
    this.#picture.src = avatar.image;
    dialog.returnValue = ''; // Escape leaves it as the last answer made it
    dialog.showModal();
    return new Promise((resolve) => {
      dialog.addEventListener('close', () => resolve(dialog.returnValue === 'delete'), { once: true });
    });
  }
}
