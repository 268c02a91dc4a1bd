/** When flashes are seen and beeps are heard, on the page's one clock (performance.now, ms). */

import { Emitter } from '../emitter.js';

const PATCH = 8; // pixels a side; the flash fills the picture, so its middle says it all
const BRIGHT = 128;

/**
 * Dispatches `flash` and `beep` with the time in ms, from `start` until `stop`.
 * @extends {Emitter<{flash: number, beep: number}>}
 */
export class SyncMeter extends Emitter {
  #video;
  /** @type {?AudioContext} */
  #audio = null;
  #running = false;
  #wasBright = true; // a page that opens on a flash has not seen it begin
  #patch = patch();

  /** @param {HTMLVideoElement} video */
  constructor(video) {
    super();
    this.#video = video;
  }

  /** @param {MediaStream} stream what the video shows */
  async start(stream) {
    this.#running = true;
    this.#waitForFrame();
    const audio = new AudioContext({ latencyHint: 'interactive' });
    this.#audio = audio;
    await audio.audioWorklet.addModule(new URL('beep-worklet.js', import.meta.url));
    if (!this.#running) return;
    const ear = new AudioWorkletNode(audio, 'beep', { numberOfOutputs: 0 });
    ear.port.onmessage = ({ data }) => this.tell('beep', heardMs(audio, data));
    audio.createMediaStreamSource(stream).connect(ear);
  }

  /** Calling it again does nothing. */
  stop() {
    this.#running = false;
    this.#audio?.close();
    this.#audio = null;
  }

  #waitForFrame() {
    this.#video.requestVideoFrameCallback((_, { expectedDisplayTime }) => {
      if (!this.#running) return;
      const { videoWidth: width, videoHeight: height } = this.#video;
      this.#patch.drawImage(this.#video, width / 4, height / 4, width / 2, height / 2, 0, 0, PATCH, PATCH);
      const { data } = this.#patch.getImageData(0, 0, PATCH, PATCH);
      const isBright = data[(PATCH * PATCH * 4) / 2] >= BRIGHT;
      if (isBright && !this.#wasBright) this.tell('flash', expectedDisplayTime);
      this.#wasBright = isBright;
      this.#waitForFrame();
    });
  }
}

/** A canvas as small as the eye needs. */
function patch() {
  const context = new OffscreenCanvas(PATCH, PATCH).getContext('2d', { willReadFrequently: true });
  if (!context) throw new Error('This browser has no 2D canvas');
  return context;
}

/** @param {AudioContext} audio @param {number} contextTime */
function heardMs(audio, contextTime) {
  // The context runs ahead of the loudspeaker; the browser says by how much.
  const { contextTime: at = 0, performanceTime = 0 } = audio.getOutputTimestamp();
  return performanceTime + (contextTime - at) * 1000;
}
