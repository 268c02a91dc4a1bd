/** Watching one face for as long as it lives: connection after connection, without anybody's doing. */

import { Emitter } from '../emitter.js';
import { within } from '../session/within.js';
import { waitBefore } from './backoff.js';
import { Refusal } from './refusal.js';
import { Whep } from './whep.js';

const ANSWER_LIMIT_MS = 8_000;
const FLOW_LIMIT_MS = 8_000;
const STEADY_MS = 3_000; // a connection that was lost sooner counts as another failure

/**
 * @typedef {{sentence: string, isGone: boolean, status: number, code: ?string}} End `isGone`: the session is over;
 *   else the server does not let one watch
 * @typedef {{failures: number}} Loss tries in a row that came to nothing; 0 where a picture was there until now
 */

/**
 * Begins at once. Dispatches `mark` with what the picture is to be marked with, `stream` for each connection that was agreed, `lost` before one is taken down and when
 * another try failed, and `over` when no try would help; then it is closed.
 * @extends {Emitter<{mark: string, stream: MediaStream, lost: Loss, over: End}>}
 */
export class Viewing extends Emitter {
  #address;
  #closing = new AbortController();
  /** @type {() => void} */
  #wake = () => {};
  #hasFlowed = false;

  /** @param {import('./address.js').Address} address */
  constructor(address) {
    super();
    this.#address = address;
    const { signal } = this.#closing;
    addEventListener('online', () => this.#wake(), { signal });
    this.#keepWatching();
  }

  /** The token of the next connection; the one that stands needs none any more. @param {string} token */
  renew(token) {
    this.#address = { ...this.#address, token };
  }

  /** Free everything. Calling it again does nothing. */
  close() {
    this.#closing.abort();
    this.#wake();
  }

  async #keepWatching() {
    const { signal } = this.#closing;
    let failures = 0;
    while (!signal.aborted) {
      const refusal = await this.#watchOnce(() => (failures = 0));
      if (signal.aborted) return;
      if (refusal?.isFinal) return this.#end(refusal);
      if (failures > 0 || refusal) this.tell('lost', { failures });
      await this.#pause(waitBefore(failures, Math.random(), refusal?.waitMs));
      failures += 1;
    }
  }

  /**
   * Connect, and watch until that is lost.
   * @param {() => void} onSteady it was worth while
   * @returns {Promise<?Refusal>} the server's, where it made one
   */
  async #watchOnce(onSteady) {
    const { signal } = this.#closing;
    const whep = new Whep(this.#address);
    const close = () => whep.close();
    signal.addEventListener('abort', close, { once: true });
    let steadyTimer = 0;
    let isFlowing = false;
    try {
      const stream = await within(whep.open(), ANSWER_LIMIT_MS, 'server-slow');
      if (whep.mark) this.tell('mark', whep.mark);
      this.tell('stream', stream);
      await whep.lost(() => {
        isFlowing = this.#hasFlowed = true;
        steadyTimer = setTimeout(onSteady, STEADY_MS);
      }, FLOW_LIMIT_MS);
      if (isFlowing && !signal.aborted) this.tell('lost', { failures: 0 });
      return null;
    } catch (error) {
      return error instanceof Refusal ? error : null; // else nobody answered, or this is closed
    } finally {
      clearTimeout(steadyTimer);
      signal.removeEventListener('abort', close);
      whep.close(); // after `lost`: the last picture could still be kept
    }
  }

  /** @param {Refusal} refusal */
  #end(refusal) {
    const { status, code, isGone } = refusal;
    this.close();
    this.tell('over', { sentence: this.#hasFlowed ? refusal.atEnd : refusal.message, isGone, status, code });
  }

  /** @param {number} ms */
  async #pause(ms) {
    if (ms === 0) return;
    /** @type {ReturnType<typeof setTimeout>|undefined} */
    let timer;
    await new Promise((resolve) => {
      this.#wake = () => resolve(undefined);
      timer = setTimeout(resolve, ms);
    });
    clearTimeout(timer);
  }
}
