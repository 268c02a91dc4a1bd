/** The list of the sessions that this page made. */

import { serverKey } from '../api.js';
import { Emitter } from '../emitter.js';
import { Failure, isAboutKey, sentenceFor } from '../errors.js';
import { forgetSession, keepSession, keptSessions } from './kept.js';
import { SessionItem } from './session-item.js';
import { createSession, endSession, getSession, shareSession } from './sessions-api.js';

const PERIOD_MS = 2_000;
const GONE = 'no_such_session';
const REVIVAL_MS = 10_000; // for one whose machine is gone to be made anew elsewhere
const REVIVING = 'Its machine is gone; it may come back…';

/** @typedef {import('./kept.js').Made} Made */

/**
 * Shows and asks after them while the page is seen. Dispatches `failure` with what went wrong, and `ended` with the id
 * of a session that somebody ended here.
 * @extends {Emitter<{failure: unknown, ended: string}>}
 */
export class SessionList extends Emitter {
  #list;
  #nameOf;
  /** @type {Map<string, SessionItem>} */
  #items = new Map();
  /** @type {Map<string, number>} since when nobody knows them, of those that may live on another machine soon */
  #goneSinceMs = new Map();
  /** @type {?string|undefined} the key, or its lack, with which there is no use in asking */
  #refusedKey;

  /** @param {HTMLElement} list @param {(avatar: string) => string} nameOf a face is called so */
  constructor(list, nameOf) {
    super();
    this.#list = list;
    this.#nameOf = nameOf;
  }

  /** Show what this tab made before, and keep up with all of it from now on. */
  start() {
    for (const made of keptSessions().reverse()) this.#show(made);
    this.#askAll();
    setInterval(() => document.hidden || this.#askAll(), PERIOD_MS);
  }

  /** A session that this page feeds itself. @param {string} id @param {string} avatar */
  add(id, avatar) {
    this.#keep({ id, avatar, feed: null });
  }

  /** Make one for an agent. @param {import('../session/conversation.js').Choice} choice */
  create(choice) {
    return this.#guard(async () => {
      const { id, feed } = await createSession(choice);
      this.#keep({ id, avatar: choice.avatar, feed });
    });
  }

  /** It is over. @param {string} id */
  remove(id) {
    forgetSession(id);
    const item = this.#items.get(id);
    const hadFocus = item?.element.contains(document.activeElement);
    item?.element.remove();
    this.#items.delete(id);
    this.#goneSinceMs.delete(id);
    if (hadFocus) this.#list.focus();
  }

  /** @param {Made} made */
  #keep(made) {
    keepSession(made);
    this.#show(made);
    this.#ask(made.id);
  }

  /** @param {Made} made */
  #show(made) {
    const { id, avatar } = made;
    if (this.#items.has(id)) return;
    const item = new SessionItem(made, this.#nameOf(avatar));
    item.on('share', () => this.#guard(async () => {
      const { link, expiresAt } = await shareSession(id);
      await item.showLink(link, expiresAt);
    }));
    item.on('end', () => this.#guard(async () => {
      await endSession(id).catch((error) => {
        if (!isGone(error)) throw error;
      });
      this.remove(id);
      this.tell('ended', id);
    }));
    this.#items.set(id, item);
    this.#list.prepend(item.element);
  }

  #askAll() {
    for (const id of this.#items.keys()) this.#ask(id);
  }

  /** @param {string} id */
  async #ask(id) {
    const key = serverKey();
    if (key === this.#refusedKey) return;
    try {
      const view = await getSession(id);
      this.#items.get(id)?.show(view);
      this.#goneSinceMs.delete(id);
    } catch (error) {
      if (isAboutKey(error)) this.#refusedKey = key;
      if (isGone(error) && this.#mayBeRevived(id)) this.#items.get(id)?.showUnknown(REVIVING);
      else if (isGone(error)) this.remove(id);
      else this.#items.get(id)?.showUnknown(sentenceFor(error));
    }
  }

  /** Whether one that nobody knows may still come back. @param {string} id */
  #mayBeRevived(id) {
    if (!id.includes('.') || !this.#items.has(id)) return false; // its reference names no machine
    const sinceMs = this.#goneSinceMs.get(id) ?? performance.now();
    this.#goneSinceMs.set(id, sinceMs);
    return performance.now() - sinceMs < REVIVAL_MS;
  }

  /** @param {() => Promise<void>} act */
  async #guard(act) {
    try {
      await act();
    } catch (error) {
      this.tell('failure', error);
    }
  }
}

/** @param {unknown} error */
function isGone(error) {
  return error instanceof Failure && error.code === GONE;
}
