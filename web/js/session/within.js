/** Patience with a limit. */

import { Failure } from '../errors.js';

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
