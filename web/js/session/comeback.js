/** Coming back after a loss. */

import { isPassing } from '../errors.js';
import { waitBefore } from '../watch/backoff.js';

const PATIENCE_MS = 30_000;
const LONGEST_WAIT_MS = 1_500; // with what a session takes to begin, the face is back within three seconds of its server

/**
 * Try until it works, for half a minute; what another try does not change ends it at once.
 * @template Value
 * @param {() => Promise<Value>} attempt
 * @param {AbortSignal} signal ends it, with its reason
 * @returns {Promise<Value>}
 */
export async function comeBack(attempt, signal) {
  const beganMs = performance.now();
  for (let failures = 0; ; failures++) {
    try {
      return await attempt();
    } catch (error) {
      signal.throwIfAborted();
      const waitMs = waitBefore(failures + 1, Math.random(), 0, LONGEST_WAIT_MS);
      if (!isPassing(error) || performance.now() + waitMs > beganMs + PATIENCE_MS) throw error;
      await pause(waitMs, signal);
    }
  }
}

/**
 * @param {number} ms
 * @param {AbortSignal} signal rejects at once
 * @returns {Promise<void>}
 */
function pause(ms, signal) {
  return new Promise((resolve, reject) => {
    const leave = () => {
      clearTimeout(timer);
      reject(signal.reason);
    };
    const timer = setTimeout(() => {
      signal.removeEventListener('abort', leave);
      resolve();
    }, ms);
    signal.addEventListener('abort', leave, { once: true });
  });
}
