/** How loud somebody is, as the server takes it from who is listened to: a level for each 40 ms, five in a message. */

const LEVELS_PER_SECOND = 25;
const LEVELS_AT_ONCE = 5;
const QUIETEST_DBFS = -120;
const FULL_SCALE = 0x8000;

/** Measures a recording that comes in pieces of any length. Bound: the levels of one message. */
export class Loudness {
  #samplesPerLevel;
  #act;
  #power = 0;
  #measured = 0;
  /** @type {number[]} */
  #levels = [];

  /**
   * @param {number} sampleRate samples a second
   * @param {(levels: number[]) => void} act is given five levels in dBFS, in their order
   */
  constructor(sampleRate, act) {
    this.#samplesPerLevel = Math.round(sampleRate / LEVELS_PER_SECOND);
    this.#act = act;
  }

  /** @param {Int16Array} pcm mono */
  push(pcm) {
    for (const sample of pcm) {
      this.#power += (sample / FULL_SCALE) ** 2;
      this.#measured += 1;
      if (this.#measured === this.#samplesPerLevel) this.#note();
    }
  }

  #note() {
    const dbfs = Math.max(QUIETEST_DBFS, 10 * Math.log10(this.#power / this.#measured));
    this.#levels.push(Math.round(dbfs * 10) / 10);
    this.#power = this.#measured = 0;
    if (this.#levels.length === LEVELS_AT_ONCE) this.#act(this.#levels.splice(0));
  }
}
