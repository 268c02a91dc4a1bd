/** The picture: a video, and what stands in for it before its first frame and between two connections. */

/**
 * Shows one stream after another. Between two of them the last frame stays: a canvas holds it until the next stream
 * has shown its first.
 */
export class Picture {
  #video;
  #still;
  #onFrame;
  #hasFrame = false;

  /** Whether a face was ever seen since the last `clear`. */
  hasShown = false;

  /**
   * @param {HTMLVideoElement} video
   * @param {HTMLCanvasElement} still lies over the video
   * @param {() => void} onFrame a stream has shown its first frame
   */
  constructor(video, still, onFrame) {
    this.#video = video;
    this.#still = still;
    this.#onFrame = onFrame;
    this.clear();
  }

  /** @param {MediaStream} stream */
  show(stream) {
    this.keep();
    const video = this.#video;
    video.srcObject = stream;
    whenFirstFrame(video, () => {
      if (video.srcObject !== stream) return;
      this.#hasFrame = this.hasShown = true;
      video.classList.add('is-shown');
      this.#still.hidden = true;
      this.#onFrame();
    });
  }

  /** Keep what is seen, whatever becomes of the stream. */
  keep() {
    const video = this.#video;
    if (!this.#hasFrame || video.readyState < video.HAVE_CURRENT_DATA || video.videoWidth === 0) return;
    this.#still.width = video.videoWidth;
    this.#still.height = video.videoHeight;
    this.#still.getContext('2d')?.drawImage(video, 0, 0);
    this.#still.hidden = false;
    this.#hasFrame = false; // of the stream that comes next
  }

  /** Show nothing any more. */
  clear() {
    this.#hasFrame = this.hasShown = false;
    this.#video.srcObject = null;
    this.#video.classList.remove('is-shown');
    this.#still.hidden = true;
    this.#still.width = this.#still.height = 0; // its memory is given back
  }
}

/** @param {HTMLVideoElement} video @param {() => void} act */
function whenFirstFrame(video, act) {
  if (typeof video.requestVideoFrameCallback === 'function') video.requestVideoFrameCallback(act);
  else video.addEventListener('timeupdate', act, { once: true });
}
