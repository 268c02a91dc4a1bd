/** A recorded clip: decoded by the browser, sent as mono 16-bit PCM a little ahead of its playing. */

import { Failure } from '../errors.js';

/** Samples a second of every clip; the decoder resamples, so one session can play any files. */
export const CLIP_SAMPLE_RATE = 48_000;

const PIECE_S = 0.5;
// An interrupt waits in the socket behind the sound sent before it, so a clip is kept only this
// far ahead of its playing: enough for the server's buffers, and no more.
const MAX_LEAD_S = 1.5;
const MAX_BUFFERED_BYTES = 256 * 1024;
const POLL_MS = 50;
const MAX_FILE_BYTES = 200_000_000;
const INT16_MAX = 0x7fff;
const LOOK_SAMPLES = CLIP_SAMPLE_RATE / 50;
const QUIET_PEAK = 0.02; // full scale is 1
const PAUSE_LOOKS = 12; // 240 ms: between sentences, seldom within a word

/** Mono sound in memory. */
export class Clip {
  #channels;

  /** @param {AudioBuffer} buffer at CLIP_SAMPLE_RATE, any number of channels */
  constructor(buffer) {
    this.length = buffer.length;
    this.#channels = Array.from({ length: buffer.numberOfChannels }, (_, i) =>
      buffer.getChannelData(i),
    );
  }

  /**
   * Samples from `start` on, at most `count`, mixed to mono.
   * @param {number} start
   * @param {number} count
   */
  slice(start, count) {
    const pcm = new Int16Array(Math.min(count, this.length - start));
    for (let i = 0; i < pcm.length; i++) {
      let sum = 0;
      for (const channel of this.#channels) sum += channel[start + i];
      const mono = Math.max(-1, Math.min(1, sum / this.#channels.length));
      pcm[i] = Math.round(mono * INT16_MAX);
    }
    return pcm;
  }

  /**
   * The middle of the next pause in the voice.
   * @param {number} start sample
   * @param {number} count of samples to look at
   * @returns {?number} a sample; null where there is none
   */
  nextPause(start, count) {
    const end = Math.min(this.length, start + count);
    let looks = 0;
    for (let at = start; at < end; at += LOOK_SAMPLES) {
      looks = this.#isQuiet(at) ? looks + 1 : 0;
      if (looks === PAUSE_LOOKS) return at - (PAUSE_LOOKS / 2 - 1) * LOOK_SAMPLES;
    }
    return null;
  }

  /** @param {number} start */
  #isQuiet(start) {
    const end = Math.min(this.length, start + LOOK_SAMPLES);
    return this.#channels.every((channel) => {
      for (let i = start; i < end; i++) if (Math.abs(channel[i]) > QUIET_PEAK) return false;
      return true;
    });
  }
}

/**
 * Decode a sound file that the person chose.
 * @param {Blob} file
 * @returns {Promise<Clip>}
 */
export async function readClip(file) {
  if (file.size === 0) throw new Failure('file-empty');
  if (file.size > MAX_FILE_BYTES) throw new Failure('file-too-large');
  const bytes = await file.arrayBuffer().catch(() => {
    throw new Failure('file-gone');
  });
  const decoder = new OfflineAudioContext(1, 1, CLIP_SAMPLE_RATE);
  const buffer = await decoder.decodeAudioData(bytes).catch(() => {
    throw new Failure('file-unreadable');
  });
  if (buffer.length === 0) throw new Failure('file-empty');
  return new Clip(buffer);
}

/**
 * Fetch and decode a sound of the server's.
 * @param {string} url
 * @returns {Promise<Clip>}
 */
export async function fetchClip(url) {
  const response = await fetch(url).catch(() => null);
  if (!response?.ok) throw new Failure('sample-missing');
  return readClip(await response.blob());
}

/**
 * Send a clip, staying close ahead of its playing.
 * @param {Clip} clip
 * @param {{sendAudio: (pcm: Int16Array<ArrayBuffer>) => void, bufferedBytes: number}} session
 * @param {AbortSignal} signal aborts when the rest is no longer wanted
 * @param {number} [from] sample that it begins with
 * @returns {Promise<boolean>} whether all of it was sent
 */
export async function sendClip(clip, session, signal, from = 0) {
  const startedAtMs = performance.now();
  const pieceSamples = CLIP_SAMPLE_RATE * PIECE_S;
  for (let sent = from; sent < clip.length; sent += pieceSamples) {
    const dueMs = startedAtMs + ((sent - from + pieceSamples) / CLIP_SAMPLE_RATE - MAX_LEAD_S) * 1000;
    while (!signal.aborted && !hasRoom(session, dueMs)) await sleep(POLL_MS);
    if (signal.aborted) return false;
    session.sendAudio(clip.slice(sent, pieceSamples));
  }
  return true;
}

/** @param {{bufferedBytes: number}} session @param {number} dueMs */
function hasRoom(session, dueMs) {
  return session.bufferedBytes < MAX_BUFFERED_BYTES && performance.now() >= dueMs;
}

/** @param {number} ms */
function sleep(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}
