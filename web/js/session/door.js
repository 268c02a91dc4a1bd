/** Where the server's socket is opened. */

import { Failure } from '../errors.js';

/** How often servers may send a page on before it gives up. */
export const MOST_HOPS = 3;

/** This very site's. */
export function ownAddress() {
  const scheme = location.protocol === 'https:' ? 'wss:' : 'ws:';
  return `${scheme}//${location.host}/ws`;
}

/**
 * Read the address that a server names in its place; a page of https goes nowhere else than over TLS.
 * @param {{url?: string}} elsewhere
 * @param {string} base the address that named it
 */
export function addressIn({ url }, base) {
  try {
    const { href, protocol } = new URL(url ?? '', base);
    if (url && (protocol === 'wss:' || (protocol === 'ws:' && location.protocol !== 'https:'))) return href;
  } catch {
    // no address at all
  }
  throw new Failure('bad-address');
}
