/** The WebRTC side of a session: one voice and one picture, both coming in. */

import { Failure } from '../errors.js';
import { Pace } from './pace.js';

const GATHERING_LIMIT_MS = 2_000;
const CONNECTING_LIMIT_MS = 15_000;

/** A receiving peer connection. Dispatches `failed` when the network gives up, `unsteady`, `steady`. */
export class Peer extends EventTarget {
  #connection;
  #lastAudio = null;
  #leadMs;
  #pace = null;

  /**
   * @param {RTCIceServer[]} iceServers
   * @param {number} leadMs how far the voice leaves the server ahead of its picture
   */
  constructor(iceServers, leadMs) {
    super();
    this.#leadMs = leadMs;
    if (typeof RTCPeerConnection === 'undefined') throw new Failure('webrtc-missing');
    this.#connection = new RTCPeerConnection({ iceServers });
    this.#connection.addTransceiver('audio', { direction: 'recvonly' });
    this.#connection.addTransceiver('video', { direction: 'recvonly' });
    this.#connection.addEventListener('connectionstatechange', () => this.#report());
  }

  /** @returns {Promise<string>} the offer, with the candidates found in time: there is no trickle */
  async offer() {
    await this.#connection.setLocalDescription();
    await this.#gathered();
    return this.#connection.localDescription.sdp;
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
    const receivers = this.#connection.getReceivers();
    const of = (kind) => receivers.find(({ track }) => track.kind === kind);
    this.#pace = new Pace(() => this.inbound(), { voice: of('audio'), pictures: of('video') }, this.#leadMs);
    return new MediaStream(receivers.map((receiver) => receiver.track));
  }

  /** Resolve once media can flow; reject when the network does not let it through in time. */
  connected() {
    return new Promise((resolve, reject) => {
      const give = () => this.#connection.connectionState === 'connected' && resolve();
      this.#connection.addEventListener('connectionstatechange', give);
      setTimeout(() => reject(new Failure('ice-failed')), CONNECTING_LIMIT_MS);
      give();
    });
  }

  /** The browser's counters of what was received: inbound-rtp reports, null where there is none yet. */
  async inbound() {
    const found = { audio: null, video: null };
    for (const report of (await this.#connection.getStats()).values()) {
      if (report.type === 'inbound-rtp') found[report.kind] = report;
    }
    return found;
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
    if (!now || !last) return null;
    const samples = now.jitterBufferEmittedCount - last.jitterBufferEmittedCount;
    return samples > 0 ? ((now.jitterBufferDelay - last.jitterBufferDelay) / samples) * 1000 : null;
  }

  /** See Pace.isConverging. */
  get isConverging() {
    return this.#pace?.isConverging ?? false;
  }

  /** Calling it again does nothing. */
  close() {
    this.#pace?.stop();
    this.#connection.close();
  }

  #gathered() {
    return new Promise((resolve) => {
      const give = () => this.#connection.iceGatheringState === 'complete' && resolve();
      this.#connection.addEventListener('icegatheringstatechange', give);
      setTimeout(resolve, GATHERING_LIMIT_MS);
      give();
    });
  }

  #report() {
    const event = { failed: 'failed', disconnected: 'unsteady', connected: 'steady' };
    const name = event[this.#connection.connectionState];
    if (name) this.dispatchEvent(new Event(name));
  }
}
