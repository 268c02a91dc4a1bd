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

/** An open microphone. It is released when the signal it was opened with aborts. */
export class Microphone {
  #stream;
  #context;
  #node;
  #signal;

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
    /** @type {?AudioContext} */
    let context = null;
    const giveBack = () => release(stream, context);
    signal.addEventListener('abort', giveBack, { once: true });
    try {
      // The permission prompt may have stood open for minutes: the session can be over by now.
      signal.throwIfAborted();
      context = openContext();
      const node = await loadRecorder(context);
      signal.throwIfAborted();
      return new Microphone(stream, context, node, signal);
    } catch {
      giveBack();
      signal.throwIfAborted();
      throw new Failure('worklet-failed');
    }
  }

  /**
   * @param {MediaStream} stream
   * @param {AudioContext} context
   * @param {AudioWorkletNode} node
   * @param {AbortSignal} signal
   */
  constructor(stream, context, node, signal) {
    this.#stream = stream;
    this.#context = context;
    this.#node = node;
    this.#signal = signal;
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
    const signal = this.#signal;
    const { port } = this.#node;
    port.addEventListener('message', ({ data }) => onChunk(data.pcm, data.peak), { signal });
    port.start();
    for (const track of this.#stream.getAudioTracks()) {
      track.addEventListener('ended', () => onLost(new Failure('microphone-lost')), { signal });
    }
    this.#context.createMediaStreamSource(this.#stream).connect(this.#node);
    // The node writes nothing to its output; connected to the speakers, it is sure to be run.
    this.#node.connect(this.#context.destination);
    this.#context.resume();
  }
}

/** The microphone's lamp goes out. @param {MediaStream} stream @param {?AudioContext} context */
function release(stream, context) {
  for (const track of stream.getTracks()) track.stop();
  if (context && context.state !== 'closed') context.close();
}

/** @param {AudioContext} context */
async function loadRecorder(context) {
  await context.audioWorklet.addModule(WORKLET_URL);
  return new AudioWorkletNode(context, 'capture', { channelCount: 1, channelCountMode: 'explicit' });
}

function openContext() {
  const context = new AudioContext({ latencyHint: 'interactive' });
  if (context.sampleRate <= MAX_SAMPLE_RATE) return context;
  context.close();
  return new AudioContext({ latencyHint: 'interactive', sampleRate: FALLBACK_SAMPLE_RATE });
}
