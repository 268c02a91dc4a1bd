/** A session with the server: its socket, and the peer connection agreed over it. */

import { serverKey } from '../api.js';
import { Emitter } from '../emitter.js';
import { Failure, failureOfClose, failureOfServer } from '../errors.js';
import { addressIn, MOST_HOPS, ownAddress } from './door.js';
import { Peer } from './peer.js';
import { Replies } from './replies.js';
import { within } from './within.js';

const OPENING_LIMIT_MS = 10_000;
const ANSWER_LIMIT_MS = 30_000; // the first use of a face prepares it
const INTERRUPT_LIMIT_MS = 2_000;
const NORMAL_CLOSURE = 1000;
const SILENCE_LIMIT_MS = 4_000; // a living server reports once a second
const LOOK_MS = 500;
const LEVELS_HIGH_BYTES = 16_384; // that the network has not taken: what somebody says now is no news later

/**
 * @typedef {import('./replies.js').Message} Message
 * @typedef {{avatar: string, engine: string, background?: string, mode: import('./conversation.js').Mode, sample_rate: number,
 *   next_utterance?: number}} Request
 * @typedef {{started: import('./replies.js').Started, stream: MediaStream, stats: import('./replies.js').Stats, speaking: import('./replies.js').Speaking,
 *   draining: import('./replies.js').Draining, move: import('./replies.js').Move, failed: Failure, unsteady: undefined, steady: undefined}} Events
 */

/**
 * One session. Dispatches `started`, `stream`, `stats`, `speaking`, `draining`, `move`, `unsteady`, `steady`, and
 * `failed` once it is over.
 * @extends {Emitter<Events>}
 */
export class Session extends Emitter {
  /** @type {?WebSocket} */
  #socket = null;
  /** @type {?Peer} */
  #peer = null;
  #replies = new Replies();
  /** @type {object[]} what is said once the session is there: one message for each text that somebody typed */
  #early = [];
  /** @type {?string} the mood that is asked for once the session is there */
  #earlyMood = null;
  #hasStarted = false;
  #isClosed = false;
  #silentLooks = 0;
  #lookTimer = 0;
  /** @type {(reason: unknown) => void} */
  #giveUp = () => {};
  /** @type {Promise<never>} */
  #over = new Promise((_, reject) => (this.#giveUp = reject));

  /**
   * Open the session; resolves once media can flow.
   * @param {Request} request the fields of the `start` message
   * @param {AbortSignal} signal closes the session when it aborts
   * @returns {Promise<import('./replies.js').Started>} the server's answer
   */
  async start(request, signal) {
    this.#over.catch(() => {}); // an end that nobody happens to wait for is no error
    signal.addEventListener('abort', () => this.close(), { once: true });
    const key = serverKey();
    const started = await this.#enter({ type: 'start', channels: 1, encoding: 'pcm_s16le', ...request, ...(key && { key }) });
    this.#hasStarted = true;
    if (this.#earlyMood) this.feel(this.#earlyMood);
    for (const message of this.#early.splice(0)) this.#send(message);
    this.tell('started', started);
    const peer = this.#createPeer(started);
    this.#send({ type: 'offer', sdp: await this.#unlessOver(peer.offer()) });
    const answer = await this.#reply('answer', ANSWER_LIMIT_MS);
    this.tell('stream', await this.#unlessOver(peer.accept(answer.sdp)));
    await this.#unlessOver(peer.connected());
    return started;
  }

  /** Bytes that the browser holds because the network or the server does not take them yet. */
  get bufferedBytes() {
    return this.#socket?.bufferedAmount ?? 0;
  }

  /** @param {ArrayBuffer|Int16Array<ArrayBuffer>} pcm mono, at the rate that `start` named */
  sendAudio(pcm) {
    if (this.#hasStarted && this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(pcm);
  }

  /** Mark the end of an utterance, so that its tail is spoken now. */
  flush() {
    this.#send({ type: 'flush' });
  }

  /**
   * Have the server speak a text. Before the session is there it waits; it need not wait for the picture.
   * @param {string} text
   * @param {string} [voice] of the server's list; without one the server chooses
   */
  say(text, voice) {
    const message = { type: 'say', text, ...(voice && { voice }) };
    if (this.#hasStarted) this.#send(message);
    else this.#early.push(message);
  }

  /** Let the face be in a mood from now on, or from its beginning. @param {string} name */
  feel(name) {
    if (this.#hasStarted) this.#send({ type: 'mood', name });
    else this.#earlyMood = name;
  }

  /**
   * Tell how loud somebody is to whom the face listens; forgotten where that cannot be sent now.
   * @param {number[]} levels dBFS, 40 ms each
   */
  hear(levels) {
    if (this.#hasStarted && this.bufferedBytes < LEVELS_HIGH_BYTES) this.#send({ type: 'listening', levels });
  }

  /** Nobody is there any more to whom the face listens. */
  hearNoMore() {
    if (this.#hasStarted) this.#send({ type: 'listening', state: 'end' });
  }

  /** Drop what has not been spoken; resolves to the server's answer, or to null where none comes in two seconds. */
  async interrupt() {
    const isAsked = this.#send({ type: 'interrupt' });
    if (!isAsked) return null;
    return this.#reply('interrupted', INTERRUPT_LIMIT_MS).catch(() => null);
  }

  /** See Peer.audioBufferMs. */
  async audioBufferMs() {
    return this.#isClosed || !this.#peer ? null : this.#peer.audioBufferMs();
  }

  /** See Peer.inboundAudio. */
  async inboundAudio() {
    return this.#isClosed || !this.#peer ? null : this.#peer.inboundAudio();
  }

  /** See Pace.isConverging. */
  get isConverging() {
    return this.#peer?.isConverging ?? false;
  }

  /** See Peer.offsetMs. */
  async offsetMs() {
    return this.#isClosed || !this.#peer ? null : this.#peer.offsetMs();
  }

  /** End the session and free everything. Calling it again does nothing. */
  close() {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearInterval(this.#lookTimer);
    this.#giveUp(new DOMException('The session was closed', 'AbortError'));
    this.#send({ type: 'stop' });
    this.#peer?.close();
    this.#socket?.close(NORMAL_CLOSURE);
  }

  /**
   * Be let in: at this site's own address, or at the one that it names.
   * @param {object} message that is said first, wherever it is
   * @returns {Promise<import('./replies.js').Started>}
   */
  async #enter(message) {
    let address = ownAddress();
    let leftMs = OPENING_LIMIT_MS; // for all the opening together; what a server takes to answer is its own time
    for (let hops = 0; hops <= MOST_HOPS; hops++) {
      const beganMs = performance.now();
      const socket = await this.#open(address, leftMs);
      leftMs -= performance.now() - beganMs;
      this.#send(message);
      const answer = await this.#reply('started', ANSWER_LIMIT_MS);
      if (answer.type === 'started') return answer;
      socket.close(NORMAL_CLOSURE);
      address = addressIn(answer, address);
    }
    throw new Failure('sent-round');
  }

  /** @param {string} address @param {number} limitMs */
  async #open(address, limitMs) {
    const listening = new AbortController();
    const { signal } = listening;
    const socket = new WebSocket(address);
    this.#socket = socket;
    socket.binaryType = 'arraybuffer';
    let wasOpen = false;
    const opened = new Promise((resolve) => socket.addEventListener('open', resolve));
    socket.addEventListener('open', () => (wasOpen = true));
    socket.addEventListener('message', ({ data }) => {
      const message = JSON.parse(data);
      if (message.type === 'elsewhere') listening.abort(); // that it closes now is no loss
      this.#receive(message);
    }, { signal });
    socket.addEventListener('close', ({ code }) =>
      this.#fail(wasOpen ? failureOfClose(code) : new Failure('socket-refused')),
    { signal });
    await within(this.#unlessOver(opened), limitMs, 'socket-refused');
    return socket;
  }

  /** A server that is gone with its machine closes nothing: its silence on both ways has to tell. */
  #watchSilence() {
    clearInterval(this.#lookTimer);
    this.#silentLooks = 0;
    this.#lookTimer = setInterval(() => {
      this.#silentLooks += 1;
      if (this.#silentLooks * LOOK_MS >= SILENCE_LIMIT_MS) this.#fail(new Failure('socket-lost'));
    }, LOOK_MS);
  }

  /** @param {import('./replies.js').Started} started */
  #createPeer({ ice_servers: iceServers = [], voice_lead_ms: leadMs = 0 }) {
    const peer = new Peer(iceServers, leadMs);
    this.#peer = peer;
    peer.on('failed', () => this.#fail(new Failure('ice-failed')));
    peer.on('unsteady', () => {
      this.#watchSilence();
      this.tell('unsteady');
    });
    peer.on('steady', () => {
      clearInterval(this.#lookTimer);
      this.tell('steady');
    });
    return peer;
  }

  /** @param {Message} message */
  #receive(message) {
    if (this.#isClosed) return;
    this.#silentLooks = 0;
    if (message.type === 'error') this.#fail(failureOfServer(message.code, message.message));
    else if (message.type === 'stats') this.tell('stats', message);
    else if (message.type === 'speaking') this.tell('speaking', message);
    else if (message.type === 'draining') this.tell('draining', message);
    else if (message.type === 'move') this.tell('move', message);
    else this.#replies.give(message);
  }

  /** @template {Message['type']} Type @param {Type} type @param {number} limitMs */
  #reply(type, limitMs) {
    return within(this.#unlessOver(this.#replies.wait(type)), limitMs, 'server-slow');
  }

  /** @template Value @param {Promise<Value>} promise @returns {Promise<Value>} */
  async #unlessOver(promise) {
    const value = await Promise.race([promise, this.#over]);
    if (this.#isClosed) await this.#over; // closed just after the promise had settled
    return value;
  }

  /** @param {object} message @returns {boolean} whether the socket took it */
  #send(message) {
    if (this.#socket?.readyState !== WebSocket.OPEN) return false;
    this.#socket.send(JSON.stringify(message));
    return true;
  }

  /** @param {Failure} failure */
  #fail(failure) {
    if (this.#isClosed) return;
    this.#giveUp(failure);
    this.close();
    this.tell('failed', failure);
  }
}
