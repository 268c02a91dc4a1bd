/** The test's sound: a beep about once a second, sent as a microphone would send it, or as a clip. */

export const BEEP_RATE = 48_000;
// 26 frames: not a whole number of a 60 Hz display's refreshes, so that the flashes meet them at every phase.
export const PERIOD_MS = 1_040;

const BEEP_MS = 200; // five frames: a flash that no display misses
const LEAD_IN_MS = 1_000;
const CHUNK_MS = 20;
const CLIP_LEAD_MS = 1_500; // how far a clip is sent ahead of its playing
const POLL_MS = 5;
const TONE_HZ = 1_000;
const LOUDNESS = 0.6 * 0x7fff;

/** Sends beeps into a session from `start` until `stop`; beep n begins LEAD_IN_MS + n × PERIOD_MS into the sound. */
export class Beeper {
  #session;
  #mode;
  #timer = 0;
  #startedMs = 0;
  #sentMs = 0; // of sound, by the microphone's clock
  #rate;

  /**
   * @param {import('../session/session.js').Session} session
   * @param {'live'|'clip'} mode
   * @param {number} ppm by how much the pretended microphone's clock runs fast
   */
  constructor(session, mode, ppm = 0) {
    this.#session = session;
    this.#mode = mode;
    this.#rate = 1 + ppm / 1e6;
  }

  /** Begin. */
  start() {
    this.#startedMs = performance.now();
    this.#timer = setInterval(() => this.#send(), POLL_MS);
  }

  /** Calling it again does nothing. */
  stop() {
    clearInterval(this.#timer);
  }

  /**
   * When a beep's first sample would have entered a microphone.
   * @param {number} beep counted from 0
   */
  capturedMs(beep) {
    return this.#startedMs + (LEAD_IN_MS + beep * PERIOD_MS) / this.#rate;
  }

  /** Which beep was captured last before a moment; −1 before the first. @param {number} ms */
  beepBefore(ms) {
    return Math.floor(((ms - this.#startedMs) * this.#rate - LEAD_IN_MS) / PERIOD_MS);
  }

  #send() {
    // A chunk can leave a microphone only once all of it has been recorded.
    const ahead = this.#mode === 'clip' ? CLIP_LEAD_MS : -CHUNK_MS;
    const due = (performance.now() - this.#startedMs) * this.#rate + ahead;
    for (; this.#sentMs <= due; this.#sentMs += CHUNK_MS) this.#session.sendAudio(chunkAt(this.#sentMs));
  }
}

/** @param {number} ms since the sound began */
function chunkAt(ms) {
  const pcm = new Int16Array((BEEP_RATE * CHUNK_MS) / 1000);
  const first = (ms * BEEP_RATE) / 1000;
  for (let i = 0; i < pcm.length; i++) {
    const sinceLeadIn = first + i - (LEAD_IN_MS * BEEP_RATE) / 1000;
    const phase = sinceLeadIn % ((PERIOD_MS * BEEP_RATE) / 1000);
    const isBeep = sinceLeadIn >= 0 && phase < (BEEP_MS * BEEP_RATE) / 1000;
    if (isBeep) pcm[i] = LOUDNESS * Math.sin((2 * Math.PI * TONE_HZ * phase) / BEEP_RATE);
  }
  return pcm;
}
