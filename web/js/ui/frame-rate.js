/** How many pictures a second the page really shows. */

/** Counts the frames of one video element. */
export class FrameRate {
  #video;
  #frames = 0;
  #lastFrameMs = 0;
  /** @type {?{frames: number, ms: number}} at the last call */
  #since = null;
  #isToldOfFrames;

  /** @param {HTMLVideoElement} video */
  constructor(video) {
    this.#video = video;
    this.#isToldOfFrames = typeof video.requestVideoFrameCallback === 'function';
    if (this.#isToldOfFrames) this.#waitForFrame();
  }

  /** Forget what was shown so far. */
  reset() {
    this.#since = null;
  }

  /** @returns {?number} frames a second since the last call; null while there is nothing to say */
  measure() {
    const now = this.#read();
    const before = this.#since;
    this.#since = now;
    // A hidden page shows no pictures; a zero would blame the server for it.
    if (!before || document.hidden) return null;
    const ms = now.ms - before.ms;
    return ms > 0 ? ((now.frames - before.frames) * 1000) / ms : 0;
  }

  #read() {
    // From one frame's time to another's: the timer that asks is too coarse to count 25 by.
    if (this.#isToldOfFrames) {
      return { frames: this.#frames, ms: this.#lastFrameMs };
    }
    const frames = this.#video.getVideoPlaybackQuality?.().totalVideoFrames ?? 0;
    return { frames, ms: performance.now() };
  }

  #waitForFrame() {
    this.#video.requestVideoFrameCallback((nowMs) => {
      this.#frames += 1;
      this.#lastFrameMs = nowMs;
      this.#waitForFrame();
    });
  }
}
