/** One session in the list. */

import { Emitter } from '../emitter.js';
import { copy } from './copy.js';

/** @type {Record<string, string>} */
const STATES = { waiting: 'Waits for a viewer', listening: 'Listens', speaking: 'Speaks' };
const CLOCK = new Intl.DateTimeFormat(undefined, { hour: '2-digit', minute: '2-digit' });

/**
 * Dispatches `share` and `end`.
 * @extends {Emitter<{share: undefined, end: undefined}>}
 */
export class SessionItem extends Emitter {
  element = document.createElement('li');
  #state = span('session-state', 'Opening…');
  #link = document.createElement('input');
  #note = document.createElement('p');

  /** @param {import('./kept.js').Made} made @param {string} face what its face is called */
  constructor(made, face) {
    super();
    const { feed } = made;
    const title = document.createElement('p');
    title.className = 'session-title';
    title.append(span('session-name', face), span('session-kind', feed ? 'for an agent' : 'this page'));
    const line = document.createElement('p');
    line.className = 'session-line';
    line.append(span('lamp', ''), this.#state);
    const buttons = document.createElement('div');
    buttons.className = 'session-buttons';
    buttons.append(button('Share', `Copy a link to watch ${face}`, () => this.tell('share')));
    if (feed) {
      // named as the Python client's connect() takes them
      const details = JSON.stringify({ url: location.origin, session: made.id, feed_token: feed.token });
      buttons.append(button('Agent’s access', `Copy what an agent needs to speak as ${face}`, () => this.#copyAccess(details)));
    }
    buttons.append(button('End', `End the session with ${face}`, () => this.tell('end')));
    this.#link.readOnly = true;
    this.#link.hidden = this.#note.hidden = true;
    this.#link.addEventListener('focus', () => this.#link.select());
    this.#note.className = 'hint';
    this.#note.setAttribute('role', 'status');
    this.element.append(title, line, buttons, this.#link, this.#note);
  }

  /** @param {import('./sessions-api.js').SessionView} view */
  show({ state, viewers }) {
    const watching = viewers === 1 ? '1 viewer' : `${viewers} viewers`;
    this.element.dataset.state = state;
    this.#state.textContent = `${STATES[state] ?? state} · ${watching}`;
  }

  /** Its state cannot be asked for. @param {string} sentence */
  showUnknown(sentence) {
    this.#state.textContent = sentence;
  }

  /** @param {string} link @param {Date} expiresAt */
  async showLink(link, expiresAt) {
    const isCopied = await copy(link);
    this.#offer(link, 'Link to watch');
    this.#say(`${isCopied ? 'Copied: w' : 'Copy this link: w'}hoever opens it watches, until ${CLOCK.format(expiresAt)}.`);
  }

  /** @param {string} details */
  async #copyAccess(details) {
    const isCopied = await copy(details);
    this.#offer(details, 'Access for an agent');
    this.#say(`${isCopied ? 'Copied: w' : 'Copy this: w'}ith it, one program at a time speaks as this face; in Python by lipwire.connect(**it).`);
  }

  /** @param {string} text @param {string} name */
  #offer(text, name) {
    this.#link.value = text;
    this.#link.setAttribute('aria-label', name);
    this.#link.hidden = false;
  }

  /** @param {string} sentence */
  #say(sentence) {
    this.#note.textContent = sentence;
    this.#note.hidden = false;
  }
}

/** @param {string} name @param {string} text */
function span(name, text) {
  const made = document.createElement('span');
  made.className = name;
  made.textContent = text;
  return made;
}

/** @param {string} text @param {string} name for who does not see it beside its face @param {() => unknown} act */
function button(text, name, act) {
  const made = document.createElement('button');
  made.type = 'button';
  made.textContent = text;
  made.setAttribute('aria-label', name);
  made.addEventListener('click', act);
  return made;
}
