/** The ear of a face that listens: a microphone of which nothing but the loudness is kept. */

import { Emitter } from '../emitter.js';
import { Loudness } from './loudness.js';
import { Microphone } from './microphone.js';

/**
 * Dispatches `change` (whether it is open, or is being opened), `levels` (how loud somebody is, see Loudness), `level`
 * (the microphone's peak, 0…1) and `lost` (why the microphone went away; the ear is closed then).
 * @extends {Emitter<{change: boolean, levels: number[], level: number, lost: import('../errors.js').Failure}>}
 */
export class Ear extends Emitter {
  /** @type {?AbortController} */
  #opened = null;

  get isOpen() {
    return this.#opened !== null;
  }

  /** Ask for the microphone. @returns {Promise<boolean>} whether it hears; not where it was closed meanwhile */
  async open() {
    this.close();
    const opened = new AbortController();
    this.#opened = opened;
    this.tell('change', true);
    try {
      const microphone = await Microphone.open(opened.signal);
      const loudness = new Loudness(microphone.sampleRate, (levels) => this.tell('levels', levels));
      microphone.record(
        (pcm, peak) => {
          loudness.push(new Int16Array(pcm));
          this.tell('level', peak);
        },
        (failure) => {
          this.close();
          this.tell('lost', failure);
        },
      );
    } catch (error) {
      if (opened.signal.aborted) return false;
      this.close();
      throw error;
    }
    return !opened.signal.aborted;
  }

  /** Give the microphone back. Again is fine. */
  close() {
    if (!this.#opened) return;
    this.#opened.abort();
    this.#opened = null;
    this.tell('change', false);
  }
}
