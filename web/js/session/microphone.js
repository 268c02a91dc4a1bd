/** The microphone, as 20 ms chunks of mono 16-bit PCM at the sound card's own rate. */

import { Failure, failureOfMicrophone, insecureFailure } from '../errors.js';

const WORKLET_URL = new URL('capture-worklet.js', import.meta.url);
const MAX_SAMPLE_RATE = 96_000; // the server takes 8 to 96 kHz; some sound cards run at 192
const FALLBACK_SAMPLE_RATE = 48_000;
const CONSTRAINTS = {
  audio: { echoCancellation: true, noiseSuppression: true, autoGainControl: true, channelCount: 1 },
};

/** True where the browser lets this page ask for a microphone at all. */
export function isMicrophoneAllowedHere() {
  return window.isSecureContext && Boolean(navigator.mediaDevices?.getUserMedia);
}

/** An open microphone. It closes itself when the signal it was opened with aborts. */
export class Microphone {
  #stream;
  #context;
  #node;

  /**
   * Ask for the microphone and load the recorder; nothing is recorded before `record`.
   * @param {AbortSignal} signal
   * @returns {Promise<Microphone>}
   */
  static async open(signal) {
    if (!isMicrophoneAllowedHere()) throw insecureFailure();
    const stream = await navigator.mediaDevices.getUserMedia(CONSTRAINTS).catch((error) => {
      throw failureOfMicrophone(error);
    });
    const microphone = new Microphone(stream);
    // The permission prompt may have stood open for minutes: the session can be over by now.
    if (signal.aborted) microphone.close();
    signal.throwIfAborted();
    signal.addEventListener('abort', () => microphone.close(), { once: true });
    await microphone.#loadRecorder();
    signal.throwIfAborted();
    return microphone;
  }

  constructor(stream) {
    this.#stream = stream;
  }

  /** Samples a second of the chunks that `record` hands on. */
  get sampleRate() {
    return this.#context.sampleRate;
  }

  /**
   * Start recording.
   * @param {(pcm: ArrayBuffer, peak: number) => void} onChunk every 20 ms; peak is 0…1
   * @param {(failure: Failure) => void} onLost the microphone was unplugged or taken away
   */
  record(onChunk, onLost) {
    this.#node.port.onmessage = ({ data }) => onChunk(data.pcm, data.peak);
    for (const track of this.#stream.getAudioTracks()) {
      track.addEventListener('ended', () => onLost(new Failure('microphone-lost')));
    }
    this.#context.createMediaStreamSource(this.#stream).connect(this.#node);
    // The node writes nothing to its output; connected to the speakers, it is sure to be run.
    this.#node.connect(this.#context.destination);
    this.#context.resume();
  }

  /** Release the microphone; its lamp goes out. Calling it again does nothing. */
  close() {
    for (const track of this.#stream.getTracks()) track.stop();
    if (this.#node) this.#node.port.onmessage = null;
    if (this.#context && this.#context.state !== 'closed') this.#context.close();
  }

  async #loadRecorder() {
    try {
      this.#context = openContext();
      await this.#context.audioWorklet.addModule(WORKLET_URL);
      this.#node = new AudioWorkletNode(this.#context, 'capture', {
        channelCount: 1,
        channelCountMode: 'explicit',
      });
    } catch {
      this.close();
      throw new Failure('worklet-failed');
    }
  }
}

function openContext() {
  const context = new AudioContext({ latencyHint: 'interactive' });
  if (context.sampleRate <= MAX_SAMPLE_RATE) return context;
  context.close();
  return new AudioContext({ latencyHint: 'interactive', sampleRate: FALLBACK_SAMPLE_RATE });
}
