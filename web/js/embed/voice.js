/** A feeder for the example: speaks a clip through a session that was made over HTTP. */

import { Failure, failureOfClose } from '../errors.js';
import { CLIP_SAMPLE_RATE, sendClip } from '../session/clip.js';
import { addressIn, MOST_HOPS, ownAddress } from '../session/door.js';

/** @typedef {{type: string, state?: string, url?: string}} Told */

/**
 * Attach, send the clip as it is played, and leave once all of it was spoken.
 * @param {import('../sessions/sessions-api.js').Created} made
 * @param {import('../session/clip.js').Clip} clip
 * @param {AbortSignal} signal
 */
export async function speak({ id, feed }, clip, signal) {
  const format = { sample_rate: CLIP_SAMPLE_RATE, channels: 1, encoding: 'pcm_s16le' };
  const attach = JSON.stringify({ type: 'attach', session: id, token: feed.token, ...format });
  let address = ownAddress(); // of this very site
  for (let hops = 0; hops <= MOST_HOPS; hops++) {
    const sentTo = await speakAt(address, attach, clip, signal);
    if (!sentTo) return;
    address = addressIn(sentTo, address);
  }
  throw new Failure('sent-round');
}

/**
 * @param {string} address
 * @param {string} attach
 * @param {import('../session/clip.js').Clip} clip
 * @param {AbortSignal} signal
 * @returns {Promise<?Told>} the message that names another address, if it was sent on
 */
async function speakAt(address, attach, clip, signal) {
  const socket = new WebSocket(address);
  const close = () => socket.close();
  signal.addEventListener('abort', close, { once: true });
  /** @type {Promise<never>} */
  const over = new Promise((_, reject) => {
    socket.addEventListener('close', ({ code }) => reject(failureOfClose(code)));
  });
  over.catch(() => {});
  try {
    await Promise.race([over, event(socket, 'open')]);
    socket.send(attach);
    const answer = await Promise.race([over, message(socket, ({ type }) => type === 'started' || type === 'elsewhere')]);
    if (answer.type === 'elsewhere') return answer;
    const line = { sendAudio: (/** @type {Int16Array<ArrayBuffer>} */ pcm) => socket.send(pcm), get bufferedBytes() { return socket.bufferedAmount; } };
    const finished = message(socket, ({ type, state }) => type === 'speaking' && state === 'finished');
    await Promise.race([over, sendClip(clip, line, signal)]);
    socket.send('{"type": "flush"}');
    await Promise.race([over, finished]);
    return null;
  } finally {
    signal.removeEventListener('abort', close);
    socket.close();
  }
}

/** @param {EventTarget} target @param {string} name */
function event(target, name) {
  return new Promise((resolve) => target.addEventListener(name, resolve, { once: true }));
}

/** @param {WebSocket} socket @param {(message: Told) => boolean} isIt @returns {Promise<Told>} */
function message(socket, isIt) {
  return new Promise((resolve, reject) => {
    socket.addEventListener('message', ({ data }) => {
      const told = JSON.parse(data);
      if (told.type === 'error') reject(new Failure(told.code, told.message));
      else if (isIt(told)) resolve(told);
    });
  });
}
