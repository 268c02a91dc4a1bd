/** One attempt at a session, and everything that it opened. */

import { sendClip } from './clip.js';
import { Session } from './session.js';

/** Belongs to a Conversation; whatever it opens is closed by its signal. */
export class Run {
  #abort = new AbortController();
  signal = this.#abort.signal;
  session = new Session();
  isReady = false;
  isFlushed = false;
  /** @type {?AbortController} of the clip under way */
  sending = null;
  /** What the server calls the session, once it is there. */
  id = '';
  /** Texts that were sent and have not been spoken. */
  texts = 0;
  /** @type {string[]} those that wait for the session to be there */
  early = [];

  /**
   * @param {import('./conversation.js').Mode} mode
   * @param {import('./conversation.js').Choice} choice
   * @param {(other: import('./conversation.js').Choice) => unknown} again starts the same source anew
   */
  constructor(mode, choice, again) {
    this.mode = mode;
    this.choice = choice;
    this.again = again;
  }

  /**
   * Whether this session can take what would else begin one.
   * @param {import('./conversation.js').Mode} mode
   * @param {import('./conversation.js').Choice} choice
   */
  suits(mode, { avatar, engine }) {
    return this.mode === mode && this.choice.avatar === avatar && this.choice.engine === engine;
  }

  /** Send a clip and mark its end, unless it is cut. @param {import('./clip.js').Clip} clip */
  async send(clip) {
    const sending = new AbortController();
    this.sending = sending;
    const isWhole = await sendClip(clip, this.session, sending.signal);
    if (!isWhole || sending.signal.aborted) return;
    this.session.flush();
    this.isFlushed = true;
  }

  /** Send no more of the clip under way. */
  cut() {
    this.sending?.abort();
    this.sending = null;
    this.isFlushed = false;
  }

  /** Free everything; the signal tells. */
  close() {
    this.cut();
    this.#abort.abort();
  }
}
