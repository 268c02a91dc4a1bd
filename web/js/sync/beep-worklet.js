/** Runs on the audio thread: finds where a beep begins in the received sound, to the sample. */

const LOUD = 0.1;
const QUIET_BEFORE_S = 0.25; // a beep is what rises out of this much quiet

class BeepProcessor extends AudioWorkletProcessor {
  #quietSamples = 0;

  /** @override @param {Float32Array[][]} inputs */
  process([channels]) {
    const samples = channels[0];
    if (!samples) return true;
    for (let i = 0; i < samples.length; i++) {
      if (Math.abs(samples[i]) < LOUD) {
        this.#quietSamples += 1;
        continue;
      }
      if (this.#quietSamples > QUIET_BEFORE_S * sampleRate) this.port.postMessage(currentTime + i / sampleRate);
      this.#quietSamples = 0;
    }
    return true;
  }
}

registerProcessor('beep', BeepProcessor);
