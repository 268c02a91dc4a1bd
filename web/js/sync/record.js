/** What one test found: pairs of flash and beep, the delay of each, and what the browser did to the sound. */

const SETTLING_MS = 3_000; // after the first frame; the bars hold from here on
const PAIR_LIMIT_MS = 500; // half a period: further apart they belong to different beeps

/** One test's measurements. Offsets are flash minus beep: positive when the voice comes first. */
export class SyncRecord {
  #flashes = [];
  #beeps = [];
  #pairs = []; // {atMs, offsetMs, delayMs}
  #delays = []; // {ms, delayMs}, with or without a flash
  #firstFrameMs = null;
  #steadySince = null; // the browser's counters when settling was over
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

  /** @param {object} inbound the audio's inbound-rtp report */
  noteCounters(inbound, nowMs) {
    this.#last = inbound;
    if (this.#firstFrameMs !== null && nowMs > this.#firstFrameMs + SETTLING_MS) this.#steadySince ??= inbound;
  }

  /** All pairs so far: {atS, offsetMs, delayMs}, atS since the first frame. */
  get pairs() {
    return this.#pairs.map(({ atMs, offsetMs, delayMs }) => ({
      atS: (atMs - this.#firstFrameMs) / 1000, offsetMs, delayMs,
    }));
  }

  /** The figures from `SETTLING_MS` on, for people and programs. */
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

  #pair() {
    const beep = this.#beeps[0];
    const flash = this.#flashes[0];
    if (beep === undefined || flash === undefined) return false;
    const offsetMs = flash - beep.ms;
    if (Math.abs(offsetMs) > PAIR_LIMIT_MS) {
      (offsetMs > 0 ? this.#beeps : this.#flashes).shift();
      return this.#pair();
    }
    this.#beeps.shift();
    this.#flashes.shift();
    this.#pairs.push({ atMs: flash, offsetMs: round(offsetMs), delayMs: beep.delayMs && round(beep.delayMs) });
    return true;
  }

  #sound() {
    const [from, to] = [this.#steadySince, this.#last];
    if (!from || !to) return null;
    const since = (name) => (to[name] ?? 0) - (from[name] ?? 0);
    const total = since('totalSamplesReceived') || 1;
    const share = (samples) => round((100 * samples) / total, 3);
    return {
      concealed_percent: share(since('concealedSamples') - since('silentConcealedSamples')),
      stretched_percent: share(since('insertedSamplesForDeceleration') + since('removedSamplesForAcceleration')),
      packets_lost: since('packetsLost'),
      packets_discarded: since('packetsDiscarded'),
      jitter_buffer_ms: round((1000 * since('jitterBufferDelay')) / (since('jitterBufferEmittedCount') || 1)),
    };
  }
}

/** The q-quantile of some numbers, null of none. */
function quantile(values, q) {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted.length ? round(sorted[Math.min(sorted.length - 1, Math.floor(q * sorted.length))]) : null;
}

/** By how much the p95 of the last quarter differs from that of the first; null of too few. */
function drift(delays) {
  const quarter = Math.floor(delays.length / 4);
  if (quarter < 5) return null;
  return round(quantile(delays.slice(-quarter), 0.95) - quantile(delays.slice(0, quarter), 0.95));
}

/** Least squares, ms of offset a second. */
function slope(pairs) {
  const n = pairs.length || 1;
  const meanT = pairs.reduce((sum, { atS }) => sum + atS, 0) / n;
  const meanO = pairs.reduce((sum, { offsetMs }) => sum + offsetMs, 0) / n;
  const covariance = pairs.reduce((sum, { atS, offsetMs }) => sum + (atS - meanT) * (offsetMs - meanO), 0);
  const variance = pairs.reduce((sum, { atS }) => sum + (atS - meanT) ** 2, 0);
  return variance ? round(covariance / variance, 5) : 0;
}

function round(value, digits = 1) {
  return Number(value.toFixed(digits));
}
