import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';

import { dropPicture, pictureOf } from '../../web/js/faces/pictures.js';

const KEY = 'lw_a key of the test';
let asked, answers, revoked, stored, count = 0;
const { fetch: realFetch } = globalThis;
const { createObjectURL, revokeObjectURL } = URL;

beforeEach(() => {
  asked = [];
  revoked = [];
  answers = () => new Response('png');
  stored = new Map([['lipwire.key', KEY]]);
  globalThis.sessionStorage = {
    getItem: (name) => stored.get(name) ?? null,
    setItem: (name, value) => stored.set(name, value),
  };
  globalThis.fetch = async (path, { headers } = {}) => {
    asked.push([path, headers?.Authorization]);
    return answers();
  };
  URL.createObjectURL = () => `blob:${++count}`;
  URL.revokeObjectURL = (address) => revoked.push(address);
});

afterEach(() => {
  globalThis.fetch = realFetch;
  Object.assign(URL, { createObjectURL, revokeObjectURL });
  delete globalThis.sessionStorage;
});

const face = () => ({
  id: `f${++count}`,
  image: `/api/avatars/f${count}/image`,
  thumbnail: `/api/avatars/f${count}/thumbnail`,
  bundled: false,
});

test('a picture is fetched once with the key, which is in no address', async () => {
  const avatar = face();
  const [one, two] = await Promise.all([pictureOf(avatar), pictureOf(avatar)]);
  assert.equal(one, two);
  assert.match(one, /^blob:/);
  assert.deepEqual(asked, [[avatar.image, `Bearer ${KEY}`]]);
});

test('without a key, and for a bundled face, the server’s own address does', async () => {
  assert.equal(await pictureOf({ id: 'amara', image: '/default.png', bundled: true }), '/default.png');
  stored.clear();
  const avatar = face();
  assert.equal(await pictureOf(avatar), avatar.image);
  assert.deepEqual(asked, []);
});

test('one that is refused is asked for again with the next key', async () => {
  const avatar = face();
  answers = () => new Response('{}', { status: 401 });
  assert.equal(await pictureOf(avatar), avatar.image);
  answers = () => new Response('png');
  assert.match(await pictureOf(avatar), /^blob:/);
});

test('the picture of a face that is gone is let go', async () => {
  const avatar = face();
  const address = await pictureOf(avatar);
  await dropPicture(avatar);
  assert.deepEqual(revoked, [address]);
  await dropPicture(avatar);
  assert.deepEqual(revoked, [address]);
});
