/** Whether a connection still carries anything. */

/** Packets come 75 times a second, speech or not; without any for this long, the connection is lost. */
const SILENCE_LIMIT_MS = 1_500;
/** A page that slept, or was busy, has not looked; that is no silence of the connection's. */
const LONGEST_LOOK_MS = 500;

/** Counts the silence between two looks at a counter of packets. */
export class Liveness {
  #packets = 0;
  #silenceMs = 0;
  #lastMs;

  /** @param {number} nowMs */
  constructor(nowMs) {
    this.#lastMs = nowMs;
  }

  /** Whether anything ever came. */
  get hasFlowed() {
    return this.#packets > 0;
  }

  /**
   * @param {number} nowMs
   * @param {number} packets received since the connection's beginning
   * @returns {boolean} whether nothing came for too long
   */
  isLost(nowMs, packets) {
    this.#silenceMs = packets > this.#packets ? 0 : this.#silenceMs + Math.min(nowMs - this.#lastMs, LONGEST_LOOK_MS);
    this.#lastMs = nowMs;
    this.#packets = Math.max(packets, this.#packets);
    return this.#silenceMs >= SILENCE_LIMIT_MS;
  }
}
