/** The faces to choose from: thumbnails that behave as one group of radio buttons. */

import { Emitter } from '../emitter.js';
import { dropPicture, thumbnailOf } from './pictures.js';

const SVG = 'http://www.w3.org/2000/svg';

/** @typedef {import('../api.js').Avatar} Avatar */

const DEFAULT_ID = 'default';

/** Whether a face came with the service, and stays as it is. @param {Avatar} avatar */
export function isBundled(avatar) {
  return avatar.bundled;
}

/**
 * The list. Dispatches `choose` and `delete` with the Avatar.
 * @extends {Emitter<{choose: Avatar, delete: Avatar}>}
 */
export class Avatars extends Emitter {
  #list;
  /** @type {Map<string, {avatar: Avatar, item: HTMLElement, radio: HTMLInputElement}>} */
  #faces = new Map();
  #chosenId = DEFAULT_ID;

  /** @param {HTMLElement} list */
  constructor(list) {
    super();
    this.#list = list;
    list.addEventListener('change', ({ target }) => {
      if (target instanceof HTMLInputElement) this.choose(target.value);
    });
  }

  /** The id to start a session with, also before the list has been loaded. */
  get chosenId() {
    return this.#chosenId;
  }

  /** The chosen face, once the list has been loaded. @returns {Avatar|undefined} */
  get chosen() {
    return this.#faces.get(this.#chosenId)?.avatar;
  }

  /** What a face is called. @param {string} id */
  nameOf(id) {
    return this.#faces.get(id)?.avatar.name ?? 'A face';
  }

  /** Add a face at the end; one that is there already stays as it is. @param {Avatar} avatar */
  add(avatar) {
    if (this.#faces.has(avatar.id)) return;
    const radio = createRadio(avatar);
    const item = this.#createItem(avatar, radio);
    this.#faces.set(avatar.id, { avatar, item, radio });
    this.#list.append(item);
  }

  /** @param {string} id of a face in the list */
  choose(id) {
    const { avatar, radio } = this.#faceOf(id);
    this.#chosenId = id;
    radio.checked = true;
    this.tell('choose', avatar);
  }

  /** Take a face out; where it was the chosen one, the first of the list follows it. @param {string} id */
  remove(id) {
    const { avatar, item } = this.#faceOf(id);
    dropPicture(avatar);
    const hadFocus = item.contains(document.activeElement);
    item.remove();
    this.#faces.delete(id);
    const [firstId] = this.#faces.keys();
    if (id === this.#chosenId && firstId) this.choose(firstId);
    if (hadFocus) this.#faces.get(this.#chosenId)?.radio.focus();
  }

  /** @param {string} id */
  #faceOf(id) {
    const face = this.#faces.get(id);
    if (!face) throw new Error(`No face ${id} in the list`);
    return face;
  }

  /** @param {Avatar} avatar @param {HTMLInputElement} radio */
  #createItem(avatar, radio) {
    const item = document.createElement('div');
    item.className = 'avatar';
    item.dataset.id = avatar.id;
    const label = document.createElement('label');
    label.title = avatar.name;
    label.append(radio, createThumbnail(avatar), createName(avatar));
    if (avatar.frames > 1) label.append(createVideoMark());
    item.append(label);
    if (!isBundled(avatar)) item.append(this.#createDelete(avatar));
    return item;
  }

  /** @param {Avatar} avatar */
  #createDelete(avatar) {
    const button = document.createElement('button');
    button.type = 'button';
    button.className = 'delete';
    button.title = `Delete ${avatar.name}`;
    button.setAttribute('aria-label', button.title);
    button.append(createIcon('delete'));
    button.addEventListener('click', () => this.tell('delete', avatar));
    return button;
  }
}

/** @param {string} name of a symbol of the page */
function createIcon(name) {
  const icon = document.createElementNS(SVG, 'svg');
  icon.setAttribute('class', 'icon');
  icon.setAttribute('aria-hidden', 'true');
  const use = document.createElementNS(SVG, 'use');
  use.setAttribute('href', `#icon-${name}`);
  icon.append(use);
  return icon;
}

/** @param {Avatar} avatar */
function createRadio(avatar) {
  const radio = document.createElement('input');
  radio.type = 'radio';
  radio.name = 'avatar';
  radio.value = avatar.id;
  return radio;
}

/** @param {Avatar} avatar */
function createThumbnail(avatar) {
  const image = document.createElement('img');
  thumbnailOf(avatar).then((address) => (image.src = address));
  image.alt = '';
  image.decoding = 'async';
  image.draggable = false; // dragged onto the stage, it would look like an upload
  return image;
}

/** @param {Avatar} avatar */
function createName(avatar) {
  const name = document.createElement('span');
  name.className = 'name';
  name.textContent = avatar.name;
  return name;
}

function createVideoMark() {
  const mark = document.createElement('span');
  mark.className = 'kind';
  mark.textContent = 'Video';
  return mark;
}
