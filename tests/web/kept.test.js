import assert from 'node:assert/strict';
import { beforeEach, test } from 'node:test';

import { forgetSession, keepSession, keptSessions } from '../../web/js/sessions/kept.js';

let stored;

beforeEach(() => {
  stored = new Map();
  globalThis.sessionStorage = {
    getItem: (name) => stored.get(name) ?? null,
    setItem: (name, value) => stored.set(name, value),
  };
});

const made = (id) => ({ id, avatar: 'default', feed: null });
const ids = () => keptSessions().map(({ id }) => id);

test('sessions are kept, the newest first, each once, until they are forgotten', () => {
  for (const id of ['a', 'b', 'a']) keepSession(made(id));
  assert.deepEqual(ids(), ['a', 'b']);
  forgetSession('a');
  assert.deepEqual(ids(), ['b']);
});

test('however many are made, sixteen are kept', () => {
  for (let i = 0; i < 1000; i++) keepSession(made(String(i)));
  assert.equal(ids().length, 16);
  assert.equal(ids()[0], '999');
});

test('what somebody else has put there is no session', () => {
  for (const text of ['', '{', '{"a": 1}', '[null, 7, {"id": 7}]']) {
    stored.set('lipwire.sessions', text);
    assert.deepEqual(ids(), [], text);
  }
});

test('a browser that keeps nothing has none', () => {
  Object.defineProperty(globalThis, 'sessionStorage', { configurable: true, get() { throw new Error('denied'); } });
  keepSession(made('a'));
  assert.deepEqual(ids(), []);
  delete globalThis.sessionStorage;
});
