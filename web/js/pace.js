/** Keeps the picture waiting as long as the voice does. */

const PERIOD_MS = 250;
// Sound that waits this long in Chromium meets a picture that does not wait at all: the server sends the voice
// 40 ms ahead, and showing a picture takes some 20 ms of them.
const NATURAL_WAIT_MS = 22;
const TOLERANCE_MS = 15; // smaller differences are the measurement's

/**
 * Watches one peer connection. A browser begins with some 80 ms of sound in its jitter buffer and takes seconds to
 * shrink it, and it grows again on a bad network; its own lip-sync corrects only what exceeds 30 ms, slowly.
 */
export class Pace {
  #timer;
  #last = null;
  #targetMs = 0;

  /**
   * @param {() => Promise<?object>} inboundAudio the voice's inbound-rtp report
   * @param {RTCRtpReceiver} pictures
   */
  constructor(inboundAudio, pictures) {
    this.#timer = setInterval(async () => {
      const waitMs = this.#waitOf(await inboundAudio().catch(() => null));
      if (waitMs !== null) this.#follow(waitMs, pictures);
    }, PERIOD_MS);
  }

  /** Calling it again does nothing. */
  stop() {
    clearInterval(this.#timer);
  }

  #waitOf(now) {
    const last = this.#last;
    this.#last = now;
    if (!now || !last) return null;
    const samples = now.jitterBufferEmittedCount - last.jitterBufferEmittedCount;
    return samples > 0 ? ((now.jitterBufferDelay - last.jitterBufferDelay) / samples) * 1000 : null;
  }

  #follow(waitMs, pictures) {
    const targetMs = Math.max(0, waitMs - NATURAL_WAIT_MS);
    if (Math.abs(targetMs - this.#targetMs) < TOLERANCE_MS) return;
    this.#targetMs = targetMs;
    pictures.jitterBufferTarget = targetMs;
  }
}
