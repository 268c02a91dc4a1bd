/** What an AudioWorklet's own global scope holds; TypeScript's DOM library leaves it out. */

declare const sampleRate: number;
declare const currentTime: number;

declare abstract class AudioWorkletProcessor {
  readonly port: MessagePort;
  /** Inputs and outputs, their channels, 128 samples each; returns whether the node lives on. */
  abstract process(
    inputs: Float32Array[][],
    outputs: Float32Array[][],
    parameters: Record<string, Float32Array>,
  ): boolean;
}

declare function registerProcessor(name: string, processor: new () => AudioWorkletProcessor): void;
