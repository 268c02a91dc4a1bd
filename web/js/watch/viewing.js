/** Watching one face for as long as it lives: connection after connection, without anybody's doing. */

import { Emitter } from '../emitter.js';
import { within } from '../session/within.js';
import { mayMove } from './address.js';
import { waitBefore } from './backoff.js';
import { Refusal } from './refusal.js';
import { Whep } from './whep.js';

const ANSWER_LIMIT_MS = 8_000;
const FLOW_LIMIT_MS = 8_000;
// of a session that may move: a machine that is gone answers nothing, and the next try may be sent to another
const FIRST_ANSWER_LIMIT_MS = 2_500;
const LONGER_ANSWER_MS = 1_500; // each time: a machine that is only slow gets its chance
const LONGEST_WAIT_MS = 1_500;
const MOVING_WAIT_MS = 1_000; // where another site's page may not read what the server asks for
const REVIVAL_MS = 10_000; // for whoever feeds a session whose machine is gone to make it anew
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
  #mayMove;
  #lostAtMs = -Infinity;

  /** @param {import('./address.js').Address} address */
  constructor(address) {
    super();
    this.#address = address;
    this.#mayMove = mayMove(address);
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
      const refusal = await this.#watchOnce(() => (failures = 0), this.#answerLimitMs(failures));
      if (signal.aborted) return;
      if (refusal?.isFinal && !this.#mayBeRevived(refusal)) return this.#end(refusal);
      if (failures > 0 || refusal) this.tell('lost', { failures });
      await this.#pause(this.#waitAfter(failures, refusal));
      failures += 1;
    }
  }

  /** @param {number} failures */
  #answerLimitMs(failures) {
    if (!this.#mayMove) return ANSWER_LIMIT_MS;
    return Math.min(ANSWER_LIMIT_MS, FIRST_ANSWER_LIMIT_MS + LONGER_ANSWER_MS * Math.max(0, failures - 1));
  }

  /** @param {number} failures @param {?Refusal} refusal */
  #waitAfter(failures, refusal) {
    if (refusal?.isMoving) return refusal.waitMs || MOVING_WAIT_MS; // the server sets the pace
    const longestMs = this.#mayMove ? LONGEST_WAIT_MS : undefined;
    return waitBefore(failures, Math.random(), refusal?.waitMs, longestMs);
  }

  /** Whether a session that nobody knows was seen just now, on a machine that may be gone. @param {Refusal} refusal */
  #mayBeRevived({ status }) {
    return this.#mayMove && status === 404 && performance.now() - this.#lostAtMs < REVIVAL_MS;
  }

  /**
   * Connect, and watch until that is lost.
   * @param {() => void} onSteady it was worth while
   * @param {number} answerLimitMs
   * @returns {Promise<?Refusal>} the server's, where it made one
   */
  async #watchOnce(onSteady, answerLimitMs) {
    const { signal } = this.#closing;
    const whep = new Whep(this.#address);
    const close = () => whep.close();
    signal.addEventListener('abort', close, { once: true });
    let steadyTimer = 0;
    let isFlowing = false;
    try {
      const stream = await within(whep.open(), answerLimitMs, 'server-slow');
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
      if (isFlowing) this.#lostAtMs = performance.now();
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
