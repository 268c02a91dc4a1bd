/** The WebRTC side of a session: one voice and one picture, both coming in. */

import { Emitter } from '../emitter.js';
import { Failure } from '../errors.js';
import { waitBetween } from './buffer-wait.js';
import { inboundOf } from './inbound.js';
import { Pace } from './pace.js';
import { within } from './within.js';

const GATHERING_LIMIT_MS = 2_000;
const CONNECTING_LIMIT_MS = 15_000;

/** @type {Record<string, 'failed'|'unsteady'|'steady'|undefined>} connection state -> event */
const EVENTS = { failed: 'failed', disconnected: 'unsteady', connected: 'steady' };

/**
 * A receiving peer connection. Dispatches `failed` when the network gives up, `unsteady`, `steady`.
 * @extends {Emitter<{failed: undefined, unsteady: undefined, steady: undefined}>}
 */
export class Peer extends Emitter {
  #connection;
  #voice;
  #pictures;
  /** @type {?RTCInboundRtpStreamStats} */
  #lastAudio = null;
  #leadMs;
  /** @type {?Pace} */
  #pace = null;
  #closing = new AbortController();

  /**
   * @param {RTCIceServer[]} iceServers
   * @param {number} leadMs how far the voice leaves the server ahead of its picture
   */
  constructor(iceServers, leadMs) {
    super();
    this.#leadMs = leadMs;
    if (typeof RTCPeerConnection === 'undefined') throw new Failure('webrtc-missing');
    this.#connection = new RTCPeerConnection({ iceServers });
    this.#voice = this.#connection.addTransceiver('audio', { direction: 'recvonly' }).receiver;
    this.#pictures = this.#connection.addTransceiver('video', { direction: 'recvonly' }).receiver;
    this.#connection.addEventListener('connectionstatechange', () => this.#report());
  }

  /** @returns {Promise<string>} the offer, with the candidates found in time: there is no trickle */
  async offer() {
    await this.#connection.setLocalDescription();
    await this.#gathered();
    return this.#connection.localDescription?.sdp ?? '';
  }

  /**
   * Take the server's answer.
   * @param {string} sdp
   * @returns {Promise<MediaStream>} voice and picture in one stream, so that the browser keeps them in step
   */
  async accept(sdp) {
    try {
      await this.#connection.setRemoteDescription({ type: 'answer', sdp });
    } catch {
      throw new Failure('bad-answer');
    }
    const receivers = { voice: this.#voice, pictures: this.#pictures };
    this.#pace = new Pace(() => this.inbound(), receivers, this.#leadMs);
    return new MediaStream([this.#voice.track, this.#pictures.track]);
  }

  /** Resolve once media can flow; reject when the network does not let it through in time. */
  connected() {
    const { signal } = this.#closing;
    /** @type {Promise<void>} */
    const ready = new Promise((resolve, reject) => {
      const give = () => this.#connection.connectionState === 'connected' && resolve();
      this.#connection.addEventListener('connectionstatechange', give, { signal });
      signal.addEventListener('abort', () => reject(signal.reason));
      give();
    });
    return within(ready, CONNECTING_LIMIT_MS, 'ice-failed');
  }

  /** See inboundOf. */
  inbound() {
    return inboundOf(this.#connection);
  }

  /** The voice's part of `inbound`. */
  async inboundAudio() {
    return (await this.inbound()).audio;
  }

  /**
   * How far the voice is ahead of the picture by the browser's own account, in ms: it knows from the sender reports
   * which moment each of them plays. Null while it does not, and in browsers that do not tell.
   */
  async offsetMs() {
    const { audio, video } = await this.inbound();
    const [heard, seen] = [audio?.estimatedPlayoutTimestamp, video?.estimatedPlayoutTimestamp];
    return heard && seen ? heard - seen : null;
  }

  /** How long sound waited in the browser's jitter buffer since the last call: ms, or null. */
  async audioBufferMs() {
    const now = await this.inboundAudio();
    const last = this.#lastAudio;
    this.#lastAudio = now;
    return waitBetween(last, now);
  }

  /** See Pace.isConverging. */
  get isConverging() {
    return this.#pace?.isConverging ?? false;
  }

  /** Calling it again does nothing. */
  close() {
    this.#pace?.stop();
    this.#closing.abort();
    this.#connection.close();
  }

  #gathered() {
    const { signal } = this.#closing;
    /** @type {Promise<void>} */
    const done = new Promise((resolve) => {
      const give = () => this.#connection.iceGatheringState === 'complete' && resolve();
      this.#connection.addEventListener('icegatheringstatechange', give, { signal });
      signal.addEventListener('abort', () => resolve());
      give();
    });
    return within(done, GATHERING_LIMIT_MS, 'ice-failed').catch(() => {}); // what was found until then may do
  }

  #report() {
    const name = EVENTS[this.#connection.connectionState];
    if (name) this.tell(name);
  }
}
