/** The server's HTTP side: faces and engines. */

import { Failure } from './errors.js';

/**
 * A face the server knows.
 * @typedef {{id: string, name: string, width: number, height: number, image: string, notice?: ?string}} Avatar
 */

const MAX_PICTURE_BYTES = 10_000_000;

/** @returns {Promise<Avatar[]>} the faces, the default one first */
export async function listAvatars() {
  const response = await request('/api/avatars', {}, 'http-failed');
  return (await response.json()).avatars;
}

/**
 * Upload a picture; the server looks for the face in it.
 * @param {File} file
 * @returns {Promise<Avatar>} `notice` says what the server wants known, such as several faces
 */
export async function uploadAvatar(file) {
  // A server that refuses an upload half-way resets the connection, and its sentence with it.
  if (file.size > MAX_PICTURE_BYTES) throw new Failure('picture-too-large');
  const body = new FormData();
  body.append('image', file);
  const response = await request('/api/avatars', { method: 'POST', body }, 'picture-refused');
  return response.json();
}

/** @param {string} id */
export async function deleteAvatar(id) {
  const path = `/api/avatars/${encodeURIComponent(id)}`;
  await request(path, { method: 'DELETE' }, 'delete-failed');
}

/** @returns {Promise<{engines: {name: string, available: boolean, why: ?string}[], auto: string}>} */
export async function listEngines() {
  return (await request('/api/engines', {}, 'http-failed')).json();
}

async function request(path, options, fallbackCode) {
  let response;
  try {
    response = await fetch(path, options);
  } catch {
    throw new Failure('http-failed');
  }
  if (!response.ok) throw await problemOf(response, fallbackCode);
  return response;
}

/** Read an RFC 9457 problem document; a proxy in between may have answered something else. */
async function problemOf(response, fallbackCode) {
  const problem = await response.json().catch(() => null);
  const sentence = typeof problem?.detail === 'string' ? problem.detail : undefined;
  return new Failure(problem?.code ?? fallbackCode, sentence ?? new Failure(fallbackCode).message);
}
