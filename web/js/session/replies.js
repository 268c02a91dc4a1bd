/** What the server says, and those who wait for it. */

/**
 * The messages as docs/protocol.md has them.
 * @typedef {{type: 'started', session: string, ice_servers?: RTCIceServer[], voice_lead_ms?: number}} Started
 * @typedef {{type: 'elsewhere', url: string}} Elsewhere in the place of `started`: say the same there
 * @typedef {{type: 'answer', sdp: string}} Answer
 * @typedef {{type: 'interrupted', seq: number, utterance: ?string, played_ms: number, session_played_ms: number}}
 *   Interrupted `played_ms` of the utterance that was cut
 * @typedef {{type: 'speaking', seq: number, state: 'started'|'finished', utterance: string, played_ms: number,
 *   interrupted: boolean}} Speaking `played_ms` of this utterance; each has exactly one `finished`
 * @typedef {{type: 'stats', delay_ms: ?number, buffer_a: number, buffer_a_limit: number, gaps: number,
 *   missed: number, unsent: number, repeats: number}} Stats
 * @typedef {{type: 'draining', in_s: number}} Draining the server is being stopped
 * @typedef {{type: 'move', in_s: number}} Move this machine is being emptied: start again, as there is room elsewhere
 * @typedef {{type: 'error', code: string, message: string}} Refusal
 * @typedef {Started|Elsewhere|Answer|Interrupted|Speaking|Stats|Draining|Move|Refusal} Message
 */

/**
 * What answers who waits for a type: where one waits for `started`, the server may name another address.
 * @template {Message['type']} Type
 * @typedef {Extract<Message, {type: Type} | (Type extends 'started' ? {type: 'elsewhere'} : never)>} Answers
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
   * @returns {Promise<Answers<Type>>} the message
   */
  wait(type) {
    const line = this.#lines.get(type) ?? [];
    this.#lines.set(type, line);
    return new Promise((resolve) => line.push(/** @type {(message: Message) => void} */ (resolve)));
  }

  /** Give a message to the first in its line; nobody need be there. @param {Message} message */
  give(message) {
    const type = message.type === 'elsewhere' ? 'started' : message.type;
    this.#lines.get(type)?.shift()?.(message);
  }
}
