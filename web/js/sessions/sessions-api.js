/** Sessions as the server's HTTP side has them. */

import { request } from '../api.js';

/**
 * @typedef {{id: string, state: 'waiting'|'listening'|'speaking', mode: string, engine: string, avatar: string,
 *   feeder: boolean, viewers: number, played_ms: number}} SessionView
 * @typedef {{id: string, feed: {url: string, token: string},
 *   view: {watch: string, whep: string, token: string}, expires_at: string}} Created
 */

/**
 * Make a session that somebody else feeds.
 * @param {import('../session/conversation.js').Choice} choice
 * @returns {Promise<Created>}
 */
export async function createSession({ avatar, engine, background }) {
  return (await send('/api/sessions', { avatar, engine, background, mode: 'agent' }, 'session-refused')).json();
}

/** @param {string} id @returns {Promise<SessionView>} */
export async function getSession(id) {
  return (await request(pathOf(id), {}, 'http-failed')).json();
}

/** End it, also as its page is being left. @param {string} id */
export async function endSession(id) {
  await request(pathOf(id), { method: 'DELETE', keepalive: true }, 'http-failed');
}

/**
 * Let somebody watch.
 * @param {string} id
 * @returns {Promise<{link: string, expiresAt: Date}>} the link of a page with nothing but the face
 */
export async function shareSession(id) {
  const response = await send(`${pathOf(id)}/tokens`, { role: 'view' }, 'share-refused');
  const { token, expires_at: expiresAt } = await response.json();
  // in the fragment, which no server writes down
  const link = new URL(`/watch/${encodeURIComponent(id)}#token=${token}`, location.href);
  return { link: link.href, expiresAt: new Date(expiresAt) };
}

/** @param {string} path @param {object} content @param {string} fallbackCode */
function send(path, content, fallbackCode) {
  const headers = { 'Content-Type': 'application/json' };
  return request(path, { method: 'POST', headers, body: JSON.stringify(content) }, fallbackCode);
}

/** @param {string} id */
function pathOf(id) {
  return `/api/sessions/${encodeURIComponent(id)}`;
}
