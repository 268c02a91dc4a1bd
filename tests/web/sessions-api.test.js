import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';

import { endSession } from '../../web/js/sessions/sessions-api.js';

/** @type {Array<[string, any]>} */
let asked = [];
const fetched = globalThis.fetch;

beforeEach(() => {
  asked = [];
  globalThis.fetch = async (url, options) => {
    asked.push([String(url), options]);
    return new Response(null, { status: 204 });
  };
});

afterEach(() => {
  globalThis.fetch = fetched;
});

test('a session is ended although its page is being left', async () => {
  await endSession('a/b');
  const [[url, options]] = asked;
  assert.equal(url, '/api/sessions/a%2Fb');
  assert.equal(options.method, 'DELETE');
  assert.equal(options.keepalive, true);
});
