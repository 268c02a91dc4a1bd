/** What one test found: pairs of flash and beep, the delay of each, and what the browser did to the sound. */

const SETTLING_MS = 3_000; // after the first frame; the bars hold from here on
const PAIR_LIMIT_MS = 500; // half a period: further apart they belong to different beeps

/**
 * The browser's counters of the sound it received, as its inbound-rtp report names them; not every browser has all.
 * @typedef {{totalSamplesReceived?: number, concealedSamples?: number, silentConcealedSamples?: number,
 *   insertedSamplesForDeceleration?: number, removedSamplesForAcceleration?: number, packetsLost?: number,
 *   packetsDiscarded?: number, jitterBufferDelay?: number, jitterBufferEmittedCount?: number}} Counters
 *
 * @typedef {{atS: number, offsetMs: number, delayMs: ?number}} Pair `atS` since the first frame
 * @typedef {{concealed_percent: number, stretched_percent: number, packets_lost: number, packets_discarded: number,
 *   jitter_buffer_ms: number}} Sound
 * @typedef {{pairs: number, offset_ms: {median: ?number, p5: ?number, p95: ?number, abs_p95: ?number},
 *   slope_ms_per_min: number, delay_ms: {p50: ?number, p95: ?number}, delay_drift_ms: ?number, sound: ?Sound}} Summary
 */

/** One test's measurements. Offsets are flash minus beep: positive when the voice comes first. */
export class SyncRecord {
  /** @type {number[]} */
  #flashes = [];
  /** @type {{ms: number, delayMs: ?number}[]} */
  #beeps = [];
  /** @type {{atMs: number, offsetMs: number, delayMs: ?number}[]} */
  #pairs = [];
  /** @type {{ms: number, delayMs: number}[]} with or without a flash */
  #delays = [];
  /** @type {?number} */
  #firstFrameMs = null;
  /** @type {?Counters} when settling was over */
  #steadySince = null;
  /** @type {?Counters} */
  #last = null;

  /** @param {number} ms when the first picture was shown */
  noteFirstFrame(ms) {
    this.#firstFrameMs ??= ms;
  }

  /** @param {number} ms @returns {boolean} whether it made a pair */
  noteFlash(ms) {
    this.#flashes.push(ms);
    return this.#pair();
  }

  /**
   * @param {number} ms
   * @param {?number} delayMs since the beep was captured
   * @returns {boolean} whether it made a pair
   */
  noteBeep(ms, delayMs) {
    this.#beeps.push({ ms, delayMs });
    if (delayMs !== null) this.#delays.push({ ms, delayMs });
    return this.#pair();
  }

  /** @param {Counters} inbound the audio's inbound-rtp report @param {number} nowMs */
  noteCounters(inbound, nowMs) {
    this.#last = inbound;
    if (this.#firstFrameMs !== null && nowMs > this.#firstFrameMs + SETTLING_MS) this.#steadySince ??= inbound;
  }

  /** All pairs so far. @returns {Pair[]} */
  get pairs() {
    return this.#pairs.map(({ atMs, offsetMs, delayMs }) => ({
      atS: (atMs - (this.#firstFrameMs ?? atMs)) / 1000, offsetMs, delayMs,
    }));
  }

  /** The figures from `SETTLING_MS` on, for people and programs. @returns {Summary} */
  summary() {
    const steady = this.pairs.filter(({ atS }) => atS * 1000 > SETTLING_MS);
    const offsets = steady.map(({ offsetMs }) => offsetMs);
    const steadyMs = (this.#firstFrameMs ?? Infinity) + SETTLING_MS;
    const delays = this.#delays.filter(({ ms }) => ms > steadyMs).map(({ delayMs }) => delayMs);
    return {
      pairs: steady.length,
      offset_ms: {
        median: quantile(offsets, 0.5), p5: quantile(offsets, 0.05), p95: quantile(offsets, 0.95),
        abs_p95: quantile(offsets.map(Math.abs), 0.95),
      },
      slope_ms_per_min: round(slope(steady) * 60, 2),
      delay_ms: { p50: quantile(delays, 0.5), p95: quantile(delays, 0.95) },
      delay_drift_ms: drift(delays),
      sound: this.#sound(),
    };
  }

  /** @returns {boolean} */
  #pair() {
    const beep = this.#beeps[0];
    const flash = this.#flashes[0];
    if (beep === undefined || flash === undefined) return false;
    const { ms, delayMs } = beep;
    const offsetMs = flash - ms;
    if (Math.abs(offsetMs) > PAIR_LIMIT_MS) {
      (offsetMs > 0 ? this.#beeps : this.#flashes).shift();
      return this.#pair();
    }
    this.#beeps.shift();
    this.#flashes.shift();
    this.#pairs.push({ atMs: flash, offsetMs: round(offsetMs), delayMs: delayMs === null ? null : round(delayMs) });
    return true;
  }

  /** @returns {?Sound} */
  #sound() {
    const [from, to] = [this.#steadySince, this.#last];
    if (!from || !to) return null;
    const since = (/** @type {keyof Counters} */ name) => (to[name] ?? 0) - (from[name] ?? 0);
    const total = since('totalSamplesReceived') || 1;
    const share = (/** @type {number} */ samples) => round((100 * samples) / total, 3);
    return {
      concealed_percent: share(since('concealedSamples') - since('silentConcealedSamples')),
      stretched_percent: share(since('insertedSamplesForDeceleration') + since('removedSamplesForAcceleration')),
      packets_lost: since('packetsLost'),
      packets_discarded: since('packetsDiscarded'),
      jitter_buffer_ms: round((1000 * since('jitterBufferDelay')) / (since('jitterBufferEmittedCount') || 1)),
    };
  }
}

/** The q-quantile of some numbers, null of none. @param {number[]} values @param {number} q */
function quantile(values, q) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted.length ? round(sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))]) : null;
}

/**
 * By how much the p95 of the last quarter differs from that of the first; null of too few.
 * @param {number[]} delays
 */
function drift(delays) {
  const quarter = Math.floor(delays.length / 4);
  if (quarter < 5) return null;
  const [first, last] = [quantile(delays.slice(0, quarter), 0.95), quantile(delays.slice(-quarter), 0.95)];
  return first === null || last === null ? null : round(last - first);
}

/** Least squares, ms of offset a second. @param {Pair[]} pairs */
function slope(pairs) {
  const n = pairs.length || 1;
  const meanT = pairs.reduce((sum, { atS }) => sum + atS, 0) / n;
  const meanO = pairs.reduce((sum, { offsetMs }) => sum + offsetMs, 0) / n;
  const covariance = pairs.reduce((sum, { atS, offsetMs }) => sum + (atS - meanT) * (offsetMs - meanO), 0);
  const variance = pairs.reduce((sum, { atS }) => sum + (atS - meanT) ** 2, 0);
  return variance ? round(covariance / variance, 5) : 0;
}

/** @param {number} value @param {number} [digits] */
function round(value, digits = 1) {
  return Number(value.toFixed(digits));
}
