/** Posts what the microphone hears as 16-bit samples, 20 ms at a time. */

const SAMPLES = 320;

class Microphone extends AudioWorkletProcessor {
  #block = new Int16Array(SAMPLES);
  #filled = 0;

  process([[channel]]) {
    for (const value of channel ?? []) {
      this.#block[this.#filled++] = Math.max(-1, Math.min(1, value)) * 32_767;
      if (this.#filled === SAMPLES) {
        this.port.postMessage(this.#block.buffer, [this.#block.buffer]);
        this.#block = new Int16Array(SAMPLES);
        this.#filled = 0;
      }
    }
    return true;
  }
}

registerProcessor('microphone', Microphone);
