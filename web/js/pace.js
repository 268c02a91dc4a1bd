/** Keeps voice and picture waiting alike. */

const PERIOD_MS = 250;
// On a quiet network Chromium would hold 20 to 30 ms of sound; 40 leave room to steer the pictures both ways.
const USUAL_LEAD_MS = 40;
const USUAL_WAIT_MS = 40;
const HEAD_START_MS = 22; // what a voice that leaves USUAL_LEAD_MS early may wait while its picture does not
const TOLERANCE_MS = 15; // smaller differences are the measurement's
const CONVERGING_MS = 60;
const STEP = 0.4;

/**
 * Watches one peer connection, and asks its receivers for more waiting where one would get ahead of the other. A
 * browser begins with some 80 ms of sound in its jitter buffer and takes seconds to shrink it, and it grows again on
 * a bad network; its own lip-sync corrects only what exceeds 30 ms, slowly. A larger lead than usual has to be waited
 * off in the browser; it gets there by stretching sound, which takes tens of seconds.
 */
export class Pace {
  #timer;
  #last = { audio: null, video: null };
  #picturesMs = 0;
  #voiceMs; // what the voice is asked to wait

  /** Whether the browser is still stretching sound to wait off a large lead. */
  isConverging = false;

  /**
   * @param {() => Promise<{audio: ?object, video: ?object}>} inbound both inbound-rtp reports
   * @param {{voice: RTCRtpReceiver, pictures: RTCRtpReceiver}} receivers
   * @param {number} leadMs how far the voice leaves the server ahead of its picture
   */
  constructor(inbound, { voice, pictures }, leadMs) {
    this.#voiceMs = Math.max(0, leadMs - USUAL_LEAD_MS) + USUAL_WAIT_MS;
    voice.jitterBufferTarget = this.#voiceMs;
    const headStartMs = HEAD_START_MS + leadMs - USUAL_LEAD_MS;
    this.#timer = setInterval(async () => {
      const now = await inbound().catch(() => ({ audio: null, video: null }));
      const [heardMs, seenMs] = [this.#waitOf('audio', now.audio), this.#waitOf('video', now.video)];
      if (heardMs === null || seenMs === null) return;
      this.isConverging = heardMs < this.#voiceMs - CONVERGING_MS;
      this.#hold(pictures, heardMs - headStartMs - seenMs);
    }, PERIOD_MS);
  }

  /** Calling it again does nothing. */
  stop() {
    clearInterval(this.#timer);
  }

  #waitOf(kind, now) {
    const last = this.#last[kind];
    this.#last[kind] = now;
    if (!now || !last) return null;
    const emitted = now.jitterBufferEmittedCount - last.jitterBufferEmittedCount;
    return emitted > 0 ? ((now.jitterBufferDelay - last.jitterBufferDelay) / emitted) * 1000 : null;
  }

  /** Move the pictures' wait by part of what they lack: they follow within a second, and must not swing. */
  #hold(pictures, lackMs) {
    if (Math.abs(lackMs) < TOLERANCE_MS) return;
    const targetMs = Math.max(0, this.#picturesMs + lackMs * STEP);
    if (targetMs === this.#picturesMs) return;
    this.#picturesMs = targetMs;
    pictures.jitterBufferTarget = targetMs;
  }
}
