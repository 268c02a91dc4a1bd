/** The server's HTTP side: faces, engines, its key. */

import { Failure, failureOfServer } from './errors.js';
import { forget, recall, remember } from './ui/memory.js';

/** Where a server's key is remembered: until the tab is closed, or on this device. */
const KEY_NAME = 'lipwire.key';

/**
 * A face the server knows.
 * @typedef {{id: string, name: string, width: number, height: number, image: string, thumbnail: string,
 *   bundled: boolean, notice?: ?string, frames: number}} Avatar `frames` is 1 for a picture, more for a video
 */

/**
 * A point of a face's mouth, in pixels of its picture; left and right are the picture's.
 * @typedef {{name: string, label: string, x: number, y: number, found_x: number, found_y: number}} MouthPoint
 */

const MAX_PICTURE_BYTES = 10_000_000;
const MAX_VIDEO_BYTES = 100_000_000;

/** @returns {Promise<Avatar[]>} the faces: the default one, the others that come with the service, then uploaded ones */
export async function listAvatars() {
  const response = await request('/api/avatars', {}, 'http-failed');
  const { avatars, cast } = await response.json();
  const [first, ...own] = avatars;
  return [first, ...cast, ...own];
}

/**
 * Make up the id of an upload, by which `videoProgress` asks for it; nobody else can guess it.
 * @returns {string}
 */
export function newUploadId() {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16)).join('');
}

/**
 * Upload a picture or a video; the server looks for the face in it.
 * @param {File} file
 * @param {string} upload its id
 * @param {?import('./faces/framing.js').Framing} [framing] of a picture; without one it stays as it is
 * @returns {Promise<Avatar>} `notice` says what the server wants known, such as several faces
 */
export async function uploadAvatar(file, upload, framing = null) {
  const kind = isVideo(file) ? 'video' : 'picture';
  // A server that refuses an upload half-way resets the connection, and its sentence with it.
  const limit = kind === 'video' ? MAX_VIDEO_BYTES : MAX_PICTURE_BYTES;
  if (file.size > limit) throw new Failure(`${kind}-too-large`);
  const body = new FormData();
  body.append(kind === 'video' ? 'video' : 'image', file);
  const query = framed(framing, body);
  query.set('upload', upload);
  const response = await request(`/api/avatars?${query}`, { method: 'POST', body }, `${kind}-refused`);
  return response.json();
}

/**
 * Ask how a picture would look as a face; nothing of it is kept.
 * @param {File} file
 * @param {import('./faces/framing.js').Framing} framing
 * @returns {Promise<{image: string, width: number, height: number, notice: ?string}>}
 */
export async function previewAvatar(file, framing) {
  const body = new FormData();
  body.append('image', file);
  const query = framed(framing, body);
  return (await request(`/api/avatars/preview?${query}`, { method: 'POST', body }, 'picture-refused')).json();
}

/**
 * Put a framing into a query, and its background into a form.
 * @param {?import('./faces/framing.js').Framing} framing
 * @param {FormData} body
 */
function framed(framing, body) {
  const query = new URLSearchParams();
  if (!framing) return query;
  if (framing.behind) {
    if (framing.behind.size > MAX_PICTURE_BYTES) throw new Failure('picture-too-large');
    body.append('background', framing.behind);
  }
  query.set('crop', framing.crop);
  query.set('background', framing.background);
  return query;
}

/** Whether a file is a video by its name and type; the server looks inside. @param {File} file */
export function isVideo(file) {
  return file.type.startsWith('video/') || /\.(mp4|m4v|mov|webm|mkv)$/i.test(file.name);
}

/**
 * @param {string} upload the id it was sent with
 * @returns {Promise<?{done: number, of: number}>} frames of the video, null where it is not being prepared
 */
export async function videoProgress(upload) {
  return (await request(`/api/avatars/progress?upload=${upload}`, {}, 'http-failed')).json();
}

/** @param {string} id */
export async function deleteAvatar(id) {
  const path = `/api/avatars/${encodeURIComponent(id)}`;
  await request(path, { method: 'DELETE' }, 'delete-failed');
}

/** @param {string} id @returns {Promise<{corrected: boolean, points: MouthPoint[]}>} */
export async function getMouth(id) {
  return (await request(mouthPath(id), {}, 'http-failed')).json();
}

/** Keep where the points were put. @param {string} id @param {MouthPoint[]} points */
export async function saveMouth(id, points) {
  const body = JSON.stringify({ points: points.map(({ name, x, y }) => ({ name, x, y })) });
  const headers = { 'Content-Type': 'application/json' };
  await request(mouthPath(id), { method: 'PUT', headers, body }, 'mouth-refused');
}

/** Go back to the points as they were found. @param {string} id */
export async function resetMouth(id) {
  await request(mouthPath(id), { method: 'DELETE' }, 'mouth-refused');
}

/** @returns {Promise<{engines: {name: string, available: boolean, why: ?string}[], auto: string}>} */
export async function listEngines() {
  return (await request('/api/engines', {}, 'http-failed')).json();
}

/**
 * Who may speak a typed text; `default` is null where nobody can, and `why` says what is missing.
 * @typedef {{voices: {id: string, name: string, language: string}[], default: ?string, why?: ?string}} Voices
 */

/** @returns {Promise<Voices>} */
export async function listVoices() {
  return (await request('/api/voices', {}, 'http-failed')).json();
}

/** @param {string} id */
function mouthPath(id) {
  return `/api/avatars/${encodeURIComponent(id)}/mouth`;
}

/**
 * Ask the server, with the key that it was given on this page, if any.
 * @param {string} path
 * @param {RequestInit} options
 * @param {string} fallbackCode of the Failure, where the server names none
 */
export async function request(path, options, fallbackCode) {
  let response;
  try {
    response = await fetch(path, withKey(options));
  } catch {
    throw new Failure('http-failed');
  }
  if (!response.ok) throw await problemOf(response, fallbackCode);
  return response;
}

/** What the visitor typed as the server's key, if anything. @returns {?string} */
export function serverKey() {
  return recall('session', KEY_NAME) || recall('local', KEY_NAME);
}

/** Use this key from now on. @param {string} key @param {import('./ui/memory.js').Span} span how long */
export function keepKey(key, span) {
  forgetKey();
  remember(span, KEY_NAME, key);
}

/** Use none any more. */
export function forgetKey() {
  forget('session', KEY_NAME);
  forget('local', KEY_NAME);
}

/** Ask for what needs a key; raises a Failure where the server does not know the one there is. */
export async function testKey() {
  await request('/api/sessions', {}, 'http-failed');
}

/** @returns {Promise<{label: string, keys: boolean}>} what faces are marked with, and whether a key is wanted */
export async function getSite() {
  return (await request('/api/site', {}, 'http-failed')).json();
}

/** @param {RequestInit} options @returns {RequestInit} */
function withKey(options) {
  const key = serverKey();
  return key ? { ...options, headers: { ...options.headers, Authorization: `Bearer ${key}` } } : options;
}

/**
 * Read an RFC 9457 problem document; a proxy in between may have answered something else.
 * @param {Response} response
 * @param {string} fallbackCode
 */
async function problemOf(response, fallbackCode) {
  const problem = await response.json().catch(() => null);
  const sentence = typeof problem?.detail === 'string' ? problem.detail : new Failure(fallbackCode).message;
  return failureOfServer(problem?.code ?? fallbackCode, sentence);
}
