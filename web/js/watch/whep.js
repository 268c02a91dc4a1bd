/** One connection to a face over WHEP: voice and picture come in. */

import { inboundOf } from '../session/inbound.js';
import { Pace } from '../session/pace.js';
import { Liveness } from './liveness.js';
import { markOf } from './mark.js';
import { Refusal } from './refusal.js';
import { fragmentOf, iceServersOf } from './trickle.js';

const FRAGMENT_TYPE = 'application/trickle-ice-sdpfrag';
const LOOK_MS = 250;
const TRICKLE_MS = 50; // candidates come in bursts
const USUAL_LEAD_MS = 40; // how far the voice leaves the server ahead of its picture
/** Of a connection that ended: the network's word for "no more". */
const DEAD = ['failed', 'disconnected', 'closed'];

/** Belongs to a Viewing; used once. */
export class Whep {
  #connection = new RTCPeerConnection();
  #voice = this.#connection.addTransceiver('audio', { direction: 'recvonly' }).receiver;
  #pictures = this.#connection.addTransceiver('video', { direction: 'recvonly' }).receiver;
  #address;
  /** @type {?string} where this connection is patched and deleted */
  #resource = null;
  /** @type {?string} */
  #etag = null;
  /** @type {{candidate: string, sdpMid: ?string}[]} */
  #candidates = [];
  #isGathered = false;
  #isNews = false;
  #isTrickling = false;
  /** @type {?Pace} */
  #pace = null;
  #closing = new AbortController();
  /** What the server wants the picture marked with, once it has answered; empty where it says nothing. */
  mark = '';

  /** @param {import('./address.js').Address} address */
  constructor(address) {
    this.#address = address;
  }

  /**
   * Agree with the server. The offer leaves without candidates, which follow: nothing waits for the slowest network.
   * @returns {Promise<MediaStream>} voice and picture in one stream, so that the browser keeps them in step
   * Raises a Refusal, or a TypeError where nobody answers.
   */
  async open() {
    const offer = await this.#connection.createOffer();
    const response = await this.#ask(this.#address.whep, 'POST', 'application/sdp', offer.sdp ?? '');
    if (!response.ok) throw await Refusal.of(response);
    const location = response.headers.get('Location');
    this.#resource = location && new URL(location, response.url || this.#address.whep).href;
    this.#etag = response.headers.get('ETag');
    this.mark = markOf(response.headers);
    const answer = await response.text();
    if (this.#closing.signal.aborted) {
      this.#hangUp(); // closed while the server answered
      this.#closing.signal.throwIfAborted();
    }
    const iceServers = iceServersOf(response.headers.get('Link'));
    if (iceServers.length > 0) this.#connection.setConfiguration({ iceServers });
    const { signal } = this.#closing;
    this.#connection.addEventListener('icecandidate', ({ candidate }) => this.#collect(candidate), { signal });
    await this.#connection.setLocalDescription(offer);
    await this.#connection.setRemoteDescription({ type: 'answer', sdp: answer }).catch(() => {
      throw new Refusal(422, null, 0);
    });
    this.#pace = new Pace(() => inboundOf(this.#connection), { voice: this.#voice, pictures: this.#pictures }, USUAL_LEAD_MS);
    return new MediaStream([this.#voice.track, this.#pictures.track]);
  }

  /**
   * Watch over it until it is lost or closed.
   * @param {() => void} onFlow its first packets have come
   * @param {number} patienceMs for those
   */
  async lost(onFlow, patienceMs) {
    const { signal } = this.#closing;
    const beganMs = performance.now();
    /** @type {?Liveness} made with the first packets */
    let liveness = null;
    while (!signal.aborted && !DEAD.includes(this.#connection.connectionState)) {
      const { audio, video } = await inboundOf(this.#connection).catch(() => ({ audio: null, video: null }));
      const packets = (audio?.packetsReceived ?? 0) + (video?.packetsReceived ?? 0);
      const nowMs = performance.now();
      if (!liveness && packets > 0) {
        liveness = new Liveness(nowMs);
        onFlow();
      }
      if (liveness ? liveness.isLost(nowMs, packets) : nowMs - beganMs > patienceMs) return;
      await this.#changeOrAWhile();
    }
  }

  /** Free everything, also at the server. Calling it again does nothing. */
  close() {
    if (this.#closing.signal.aborted) return;
    this.#closing.abort();
    this.#pace?.stop();
    this.#connection.close();
    this.#hangUp();
  }

  #hangUp() {
    if (!this.#resource) return;
    this.#ask(this.#resource, 'DELETE').catch(() => {}); // else the server notices by itself
    this.#resource = null;
  }

  /** @param {?RTCIceCandidate} candidate */
  #collect(candidate) {
    if (candidate?.candidate) this.#candidates.push({ candidate: candidate.candidate, sdpMid: candidate.sdpMid });
    else if (candidate === null) this.#isGathered = true;
    this.#isNews = true;
    if (!this.#isTrickling) this.#trickle();
  }

  /** The server may do without them: where it can be reached, it learns them from the packets that come. */
  async #trickle() {
    this.#isTrickling = true;
    while (this.#isNews) {
      await new Promise((resolve) => setTimeout(resolve, TRICKLE_MS));
      if (this.#closing.signal.aborted || !this.#resource) return;
      this.#isNews = false;
      const sdp = this.#connection.localDescription?.sdp ?? '';
      const fragment = fragmentOf(sdp, this.#candidates.splice(0), this.#isGathered);
      const response = await this.#ask(this.#resource, 'PATCH', FRAGMENT_TYPE, fragment).catch(() => null);
      if (!response?.ok) return; // no more of them, then
    }
    this.#isTrickling = false;
  }

  /** @param {string} url @param {string} method @param {string} [type] @param {string} [body] */
  #ask(url, method, type, body) {
    /** @type {Record<string, string>} */
    const headers = {};
    if (this.#address.token) headers.Authorization = `Bearer ${this.#address.token}`;
    if (type) headers['Content-Type'] = type;
    if (method === 'PATCH' && this.#etag) headers['If-Match'] = this.#etag;
    return fetch(url, { method, headers, body, keepalive: method === 'DELETE', cache: 'no-store', credentials: 'omit' });
  }

  /** @returns {Promise<void>} */
  #changeOrAWhile() {
    return new Promise((resolve) => {
      const ended = new AbortController();
      const done = () => {
        ended.abort();
        clearTimeout(timer);
        resolve();
      };
      const timer = setTimeout(done, LOOK_MS);
      const { signal } = ended;
      this.#connection.addEventListener('connectionstatechange', done, { signal });
      this.#closing.signal.addEventListener('abort', done, { signal });
    });
  }
}
