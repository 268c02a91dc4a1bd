/** One attempt at a session, and everything that it opened; it may go on in another session than it began in. */

import { CLIP_SAMPLE_RATE, sendClip } from './clip.js';
import { Session } from './session.js';

/** @typedef {{text: string, voice: string, hasBegun: boolean}} Line a text that was typed and has not been spoken */

/**
 * Belongs to a Conversation; whatever it opens is closed by its signal. Bound: of texts, what the person types until
 * they are spoken.
 */
export class Run {
  #abort = new AbortController();
  signal = this.#abort.signal;
  session = new Session();
  /** Whether it takes what the person wants. */
  isReady = false;
  /** Whether its session was lost, or is being left, and another is not there yet. */
  isAway = false;
  /** Whether a session of its own was ever there. */
  hasBeenThere = false;
  /** @type {Promise<unknown>} the beginning of its session */
  starting = Promise.resolve();
  /** @type {?Promise<void>} going on in another session */
  returning = null;
  /** Whether it waits for a good moment to leave. */
  isLeaving = false;
  isFlushed = false;
  /** @type {?AbortController} of the clip under way */
  sending = null;
  /** What the server calls the session, once it is there. */
  id = '';
  /** Samples a second of what is sent. */
  sampleRate = CLIP_SAMPLE_RATE;
  /** @type {Line[]} */
  lines = [];
  /** What the status line calls the clip. */
  name = '';
  /** @type {?import('./clip.js').Clip} the one under way */
  #clip = null;
  #from = 0;
  /** @type {?number} when the voice began to be heard, while it is */
  #heardSinceMs = null;
  #nextUtterance = 1;

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
  suits(mode, { avatar, engine, background }) {
    const own = this.choice;
    return this.mode === mode && own.avatar === avatar && own.engine === engine && own.background === background;
  }

  /** What a session is asked for, the first one and those that it goes on in. @returns {import('./session.js').Request} */
  get request() {
    const { avatar, engine, background } = this.choice;
    const numbering = this.#nextUtterance > 1 ? { next_utterance: this.#nextUtterance } : {};
    return { avatar, engine, background, mode: this.mode, sample_rate: this.sampleRate, ...numbering };
  }

  /** Whether the face speaks at the moment. */
  get isHeard() {
    return this.#heardSinceMs !== null;
  }

  /** The clip under way and the sample that is being heard, as well as it is known. */
  get playing() {
    if (!this.#clip) return null;
    const heardMs = this.#heardSinceMs === null ? 0 : performance.now() - this.#heardSinceMs;
    const at = Math.min(this.#clip.length, this.#from + Math.round((heardMs * CLIP_SAMPLE_RATE) / 1000));
    return { clip: this.#clip, from: this.#from, at };
  }

  /**
   * Send a clip and mark its end, unless it is cut.
   * @param {import('./clip.js').Clip} clip
   * @param {number} [from] sample that it goes on at
   */
  async send(clip, from = 0) {
    const sending = new AbortController();
    this.sending = sending;
    this.#clip = clip;
    this.#from = from;
    this.#heardSinceMs = null;
    const isWhole = await sendClip(clip, this.session, sending.signal, from);
    if (!isWhole || sending.signal.aborted) return;
    this.session.flush();
    this.isFlushed = true;
  }

  /** Send no more of the clip under way. */
  cut() {
    this.sending?.abort();
    this.sending = this.#clip = null;
    this.isFlushed = false;
  }

  /** Keep count of what is heard. @param {import('./replies.js').Speaking} speaking */
  follow({ state, utterance }) {
    const isBeginning = state === 'started';
    this.#heardSinceMs = isBeginning ? performance.now() : null;
    if (/^\d+$/.test(utterance ?? '')) this.#nextUtterance = Math.max(this.#nextUtterance, Number(utterance) + 1);
    if (isBeginning && this.lines.length > 0) this.lines[0].hasBegun = true;
    if (!isBeginning) this.lines.shift();
  }

  /** Take another session in the place of the one that there is. What was not spoken is to be spoken there. */
  renew() {
    this.session.close();
    this.session = new Session();
    this.#heardSinceMs = null;
    this.lines = this.lines.filter(({ hasBegun }) => !hasBegun); // half of it was heard, and nothing is said twice
    for (const { text, voice } of this.lines) this.session.say(text, voice);
  }

  /** Free everything; the signal tells. */
  close() {
    this.cut();
    this.#abort.abort();
  }
}
