/** The pictures of faces. Where the server wants a key they are fetched with it, as an <img> cannot send one. */

import { request, serverKey } from '../api.js';

/** @typedef {import('../api.js').Avatar} Avatar */

const EVERYBODYS = 'default';

/** @type {Map<string, Promise<string>>} the path of a picture → an address that any element can show */
const fetched = new Map();

/**
 * Find the address of a face's picture.
 * @param {Avatar} avatar
 * @returns {Promise<string>} one that cannot be fetched is the server's own, which then shows nothing
 */
export function pictureOf({ id, image }) {
  if (id === EVERYBODYS || !serverKey()) return Promise.resolve(image);
  let address = fetched.get(image);
  if (!address) {
    address = fetchPicture(image);
    fetched.set(image, address);
    address.catch(() => fetched.delete(image)); // another key may do
  }
  return address.catch(() => image);
}

/** Let go of the picture of a face that is gone. @param {Avatar} avatar */
export async function dropPicture({ image }) {
  const address = fetched.get(image);
  fetched.delete(image);
  if (address) URL.revokeObjectURL(await address.catch(() => ''));
}

/** @param {string} path */
async function fetchPicture(path) {
  const response = await request(path, {}, 'http-failed');
  return URL.createObjectURL(await response.blob());
}
