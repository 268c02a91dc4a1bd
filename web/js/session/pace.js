/** Keeps voice and picture waiting alike. */

import { waitBetween } from './buffer-wait.js';
import { nextWaits } from './waits.js';

const PERIOD_MS = 250;
// The server's usual lead: with it, sound and pictures meet on a quiet network without anybody's doing.
const USUAL_LEAD_MS = 40;
const USUAL_VOICE_WAIT_MS = 20; // one packet; Chromium holds 30 to 40 ms when it is asked for that
const HEAD_START_MS = 30; // what a voice that leaves USUAL_LEAD_MS early may wait while its picture does not
const CONVERGING_MS = 60;

/**
 * Watches one peer connection, and asks its receivers for more waiting where one would get ahead of the other. A
 * larger lead than usual has to be waited off in the browser; it gets there by stretching sound, which takes tens of
 * seconds.
 */
export class Pace {
  #timer;
  /** @type {import('./inbound.js').Inbound} */
  #last = { audio: null, video: null };
  #asked;

  /** Whether the browser is still stretching sound to wait off a large lead. */
  isConverging = false;

  /**
   * @param {() => Promise<import('./inbound.js').Inbound>} inbound both inbound-rtp reports
   * @param {{voice: RTCRtpReceiver, pictures: RTCRtpReceiver}} receivers
   * @param {number} leadMs how far the voice leaves the server ahead of its picture
   */
  constructor(inbound, { voice, pictures }, leadMs) {
    const usualMs = Math.max(0, leadMs - USUAL_LEAD_MS) + USUAL_VOICE_WAIT_MS;
    const headStartMs = HEAD_START_MS + leadMs - USUAL_LEAD_MS;
    this.#asked = { picturesMs: 0, voiceMs: usualMs };
    voice.jitterBufferTarget = usualMs;
    this.#timer = setInterval(async () => {
      const now = await inbound().catch(() => ({ audio: null, video: null }));
      const picturesMs = waitBetween(this.#last.video, now.video);
      const voiceMs = waitBetween(this.#last.audio, now.audio);
      this.#last = now;
      if (voiceMs === null || picturesMs === null) return;
      this.isConverging = voiceMs < usualMs - CONVERGING_MS;
      const next = nextWaits(this.#asked, { picturesMs, voiceMs }, headStartMs, usualMs);
      if (next.picturesMs !== this.#asked.picturesMs) pictures.jitterBufferTarget = next.picturesMs;
      if (next.voiceMs !== this.#asked.voiceMs) voice.jitterBufferTarget = next.voiceMs;
      this.#asked = next;
    }, PERIOD_MS);
  }

  /** Calling it again does nothing. */
  stop() {
    clearInterval(this.#timer);
  }
}
