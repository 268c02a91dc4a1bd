/** The strip of live figures: what the page measures, and what the server reports. */

import { FrameRate } from './frame-rate.js';
import { part } from './part.js';
import { Trend } from './trend.js';

const NOTHING = '–';
const PERIOD_MS = 1_000;

/** @typedef {import('../session/session.js').Session} Session */

/** Shows the figures of one session at a time, and the trend of two of them. */
export class Figures {
  /** @type {Record<string, HTMLElement>} */
  #fields = {};
  #frameRate;
  #timer = 0;
  /** @type {?Session} */
  #session = null;
  /** @type {?number} */
  #audioBufferMs = null;
  /** @type {?number} */
  #delayMs = null;
  #trend;

  /**
   * @param {HTMLElement} strip holds the elements with the ids fig-…
   * @param {HTMLVideoElement} video
   * @param {SVGElement} chart
   */
  constructor(strip, video, chart) {
    this.#trend = new Trend(chart);
    for (const name of ['fps', 'offset', 'delay', 'jitter', 'buffer', 'gaps', 'late']) {
      this.#fields[name] = part(strip, `#fig-${name}`, HTMLElement);
    }
    this.#frameRate = new FrameRate(video);
  }

  /** @param {Session} session */
  begin(session) {
    this.end();
    this.#session = session;
    session.on('stats', (stats) => {
      if (this.#session === session) this.#showReport(stats);
    });
    // Once media flows: before that there is nothing to count.
    session.on('stream', () => {
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
    this.#delayMs = null;
    this.#trend.clear();
    for (const field of Object.values(this.#fields)) field.textContent = NOTHING;
  }

  /** @param {import('../session/replies.js').Stats} stats */
  #showReport(stats) {
    const { delay, buffer, gaps, late } = this.#fields;
    const [serverMs, browserMs] = [stats.delay_ms ?? null, this.#audioBufferMs];
    this.#delayMs = serverMs === null || browserMs === null ? null : Math.round(serverMs + browserMs);
    delay.textContent = inMs(this.#delayMs);
    buffer.textContent = `${stats.buffer_a}/${stats.buffer_a_limit}`;
    gaps.textContent = String(stats.gaps);
    late.textContent = String(stats.missed + stats.unsent + stats.repeats);
  }

  /** @param {Session} session */
  async #measure(session) {
    const { fps, offset, jitter } = this.#fields;
    fps.textContent = this.#frameRate.measure()?.toFixed(1) ?? NOTHING;
    const [bufferMs, offsetMs] = await Promise.all([session.audioBufferMs(), session.offsetMs()]).catch(() => [null, null]);
    if (this.#session !== session) return;
    this.#audioBufferMs = bufferMs;
    jitter.textContent = inMs(bufferMs);
    offset.textContent = session.isConverging ? 'lining up…' : inMs(offsetMs);
    this.#trend.add({ offsetMs, delayMs: this.#delayMs });
  }
}

/** @param {?number} value */
function inMs(value) {
  return value === null ? NOTHING : `${Math.round(value)} ms`;
}
