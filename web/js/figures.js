/** The strip of live figures: what the page measures, and what the server reports. */

import { FrameRate } from './frame-rate.js';

const NOTHING = '–';
const PERIOD_MS = 1_000;

/** Shows frames a second, delay, buffer depth and underruns of one session at a time. */
export class Figures {
  #fields = {};
  #frameRate;
  #timer = null;
  #session = null;
  #audioBufferMs = null;

  /**
   * @param {HTMLElement} strip holds the elements with the ids fig-…
   * @param {HTMLVideoElement} video
   */
  constructor(strip, video) {
    for (const name of ['fps', 'delay', 'buffer', 'underruns']) {
      this.#fields[name] = strip.querySelector(`#fig-${name}`);
    }
    this.#frameRate = new FrameRate(video);
  }

  /** @param {import('./session.js').Session} session */
  begin(session) {
    this.end();
    this.#session = session;
    session.addEventListener('stats', ({ detail }) => {
      if (this.#session === session) this.#showReport(detail);
    });
    // Once media flows: before that there is nothing to count.
    session.addEventListener('stream', () => {
      if (this.#session !== session) return;
      this.#frameRate.reset();
      this.#timer = setInterval(() => this.#measure(session), PERIOD_MS);
    });
  }

  /** Stop measuring and empty the strip. */
  end() {
    clearInterval(this.#timer);
    this.#session = null;
    this.#audioBufferMs = null;
    for (const field of Object.values(this.#fields)) field.textContent = NOTHING;
  }

  #showReport(stats) {
    const { delay, buffer, underruns } = this.#fields;
    const isKnown = typeof stats.delay_ms === 'number' && this.#audioBufferMs !== null;
    delay.textContent = isKnown
      ? `${Math.round(stats.delay_ms + this.#audioBufferMs)} ms`
      : NOTHING;
    buffer.textContent = `${stats.buffer_a}/${stats.buffer_a_limit}`;
    underruns.textContent = String(stats.underruns);
  }

  async #measure(session) {
    this.#fields.fps.textContent = this.#frameRate.measure()?.toFixed(1) ?? NOTHING;
    const bufferMs = await session.audioBufferMs().catch(() => null);
    if (this.#session === session) this.#audioBufferMs = bufferMs;
  }
}
