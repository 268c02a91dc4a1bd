/** Work that takes a while, for what is wanted last: what was wanted in between is never begun. */

/**
 * Runs one piece of work at a time. Bound: the one that runs, and the latest that waits.
 * @template Wanted
 */
export class Latest {
  #work;
  /** @type {?{wanted: Wanted}} */
  #waiting = null;
  #isBusy = false;

  /** @param {(wanted: Wanted) => Promise<void>} work must not reject */
  constructor(work) {
    this.#work = work;
  }

  /** Whether something newer is wanted than what is being worked on. */
  get isOutdated() {
    return this.#waiting !== null;
  }

  /** @param {Wanted} wanted */
  async want(wanted) {
    this.#waiting = { wanted };
    if (this.#isBusy) return;
    this.#isBusy = true;
    for (let next = this.#take(); next; next = this.#take()) await this.#work(next.wanted);
    this.#isBusy = false;
  }

  /** Drop what waits. */
  forget() {
    this.#waiting = null;
  }

  #take() {
    const next = this.#waiting;
    this.#waiting = null;
    return next;
  }
}
