/** What the server says, and those who wait for it. */

import { Failure } from '../errors.js';

/**
 * The messages as docs/protocol.md has them.
 * @typedef {{type: 'started', ice_servers?: RTCIceServer[], voice_lead_ms?: number}} Started
 * @typedef {{type: 'answer', sdp: string}} Answer
 * @typedef {{type: 'interrupted', played_ms: number}} Interrupted
 * @typedef {{type: 'speaking', state: 'started'|'finished', played_ms: number}} Speaking
 * @typedef {{type: 'stats', delay_ms: ?number, buffer_a: number, buffer_a_limit: number, gaps: number,
 *   missed: number, unsent: number, repeats: number}} Stats
 * @typedef {{type: 'error', code: string, message: string}} Refusal
 * @typedef {Started|Answer|Interrupted|Speaking|Stats|Refusal} Message
 */

/**
 * A line for each type of message. The server answers everything, in the order in which it was asked, so whoever
 * gave up keeps his place: the late answer is his, not the next one's.
 */
export class Replies {
  /** @type {Map<string, ((message: Message) => void)[]>} */
  #lines = new Map();

  /**
   * Join the line; call it only where an answer is on its way.
   * @template {Message['type']} Type
   * @param {Type} type of the message to wait for
   * @param {number} limitMs then it rejects with the Failure `server-slow`
   * @returns {Promise<Extract<Message, {type: Type}>>} the message
   */
  wait(type, limitMs) {
    const line = this.#lines.get(type) ?? [];
    this.#lines.set(type, line);
    /** @type {Promise<Extract<Message, {type: Type}>>} */
    const arrived = new Promise((resolve) => line.push(/** @type {(message: Message) => void} */ (resolve)));
    return within(arrived, limitMs, 'server-slow');
  }

  /** Give a message to the first in its line; nobody need be there. @param {Message} message */
  give(message) {
    this.#lines.get(message.type)?.shift()?.(message);
  }
}

/**
 * Settle as `promise` does, or reject with the code's Failure after `limitMs`.
 * @template Value
 * @param {Promise<Value>} promise
 * @param {number} limitMs
 * @param {string} code
 * @returns {Promise<Value>}
 */
export function within(promise, limitMs, code) {
  /** @type {ReturnType<typeof setTimeout>} */
  let timer;
  /** @type {Promise<never>} */
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Failure(code)), limitMs);
  });
  return Promise.race([promise, late]).finally(() => clearTimeout(timer));
}
