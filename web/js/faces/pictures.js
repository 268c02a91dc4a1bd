/** The pictures of faces. Where the server wants a key they are fetched with it, as an <img> cannot send one. */

import { request, serverKey } from '../api.js';

/** @typedef {import('../api.js').Avatar} Avatar */

/** @type {Map<string, Promise<string>>} the path of a picture → an address that any element can show */
const fetched = new Map();

/**
 * Find the address of a face's picture.
 * @param {Avatar} avatar
 * @returns {Promise<string>} one that cannot be fetched is the server's own, which then shows nothing
 */
export function pictureOf({ bundled, image }) {
  return addressOf(image, bundled);
}

/**
 * Find the address of a face's small picture, as `pictureOf` does that of the whole one.
 * @param {Avatar} avatar
 * @returns {Promise<string>}
 */
export function thumbnailOf({ bundled, thumbnail }) {
  return addressOf(thumbnail, bundled);
}

/** Let go of the pictures of a face that is gone. @param {Avatar} avatar */
export async function dropPicture({ image, thumbnail }) {
  const addresses = [image, thumbnail].map((path) => fetched.get(path));
  for (const path of [image, thumbnail]) fetched.delete(path);
  for (const address of addresses) if (address) URL.revokeObjectURL(await address.catch(() => ''));
}

/** @param {string} path @param {boolean} isEverybodys */
function addressOf(path, isEverybodys) {
  if (isEverybodys || !serverKey()) return Promise.resolve(path);
  let address = fetched.get(path);
  if (!address) {
    address = fetchPicture(path);
    fetched.set(path, address);
    address.catch(() => fetched.delete(path)); // another key may do
  }
  return address.catch(() => path);
}

/** @param {string} path */
async function fetchPicture(path) {
  const response = await request(path, {}, 'http-failed');
  return URL.createObjectURL(await response.blob());
}
