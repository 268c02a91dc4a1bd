/** Runs on the audio thread: gathers 20 ms of the microphone and posts it as 16-bit PCM. */

const CHUNKS_PER_SECOND = 50;
const CHUNK_SAMPLES = Math.round(sampleRate / CHUNKS_PER_SECOND);
const INT16_MAX = 0x7fff;

class CaptureProcessor extends AudioWorkletProcessor {
  #chunk = new Int16Array(CHUNK_SAMPLES);
  #filled = 0;
  #peak = 0;

  /** @override @param {Float32Array[][]} inputs */
  process([channels]) {
    // No channel means that no source is connected at the moment; there is nothing to send then.
    for (const sample of channels[0] ?? []) this.#push(sample);
    return true;
  }

  /** @param {number} sample */
  #push(sample) {
    const clipped = Math.max(-1, Math.min(1, sample));
    this.#peak = Math.max(this.#peak, Math.abs(clipped));
    this.#chunk[this.#filled++] = Math.round(clipped * INT16_MAX);
    if (this.#filled === CHUNK_SAMPLES) this.#post();
  }

  #post() {
    const pcm = this.#chunk.buffer;
    this.port.postMessage({ pcm, peak: this.#peak }, [pcm]);
    this.#chunk = new Int16Array(CHUNK_SAMPLES);
    this.#filled = 0;
    this.#peak = 0;
  }
}

registerProcessor('capture', CaptureProcessor);
