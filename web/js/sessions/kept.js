/** The sessions that this tab made, also after it was reloaded. */

import { recall, remember } from '../ui/memory.js';

const NAME = 'lipwire.sessions';
const MOST = 16; // the oldest are forgotten; they live on

/**
 * @typedef {{id: string, avatar: string, feed: ?{url: string, token: string}}} Made `feed`: what its feeder needs;
 *   null where this page feeds it
 */

/** @returns {Made[]} the newest first */
export function keptSessions() {
  try {
    const kept = JSON.parse(recall('session', NAME) ?? '[]');
    return Array.isArray(kept) ? kept.filter((one) => typeof one?.id === 'string') : [];
  } catch {
    return []; // somebody else's
  }
}

/** @param {Made} made */
export function keepSession(made) {
  write([made, ...keptSessions().filter(({ id }) => id !== made.id)].slice(0, MOST));
}

/** @param {string} id */
export function forgetSession(id) {
  write(keptSessions().filter((one) => one.id !== id));
}

/** @param {Made[]} made */
function write(made) {
  remember('session', NAME, JSON.stringify(made));
}
