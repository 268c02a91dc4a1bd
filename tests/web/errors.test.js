import assert from 'node:assert/strict';
import { test } from 'node:test';

import { Failure, failureOfClose, failureOfMicrophone, insecureFailure, sentenceFor } from '../../web/js/errors.js';
import { pretendBrowser } from './fakes.js';

pretendBrowser();

test("the server's own words are shown where it gave any", () => {
  assert.equal(new Failure('no_face', 'There is no face in it.').message, 'There is no face in it.');
});

test('a code that nobody knows still makes a sentence', () => {
  assert.match(new Failure('never_heard_of').message, /Reload/);
});

test('each close code of the protocol is told apart, and an unknown one is a lost connection', () => {
  const codes = [1000, 4400, 4404, 4408, 4413, 4429, 4500].map((code) => failureOfClose(code).code);
  assert.equal(new Set(codes).size, codes.length);
  assert.equal(failureOfClose(1006).code, 'socket-lost');
});

test('a refused, a missing and a busy microphone are told apart', () => {
  const codeOf = (name) => failureOfMicrophone(new DOMException('', name)).code;
  assert.equal(codeOf('NotAllowedError'), 'microphone-denied');
  assert.equal(codeOf('NotFoundError'), 'microphone-missing');
  assert.equal(codeOf('NotReadableError'), 'microphone-busy');
  assert.equal(codeOf('TypeError'), 'microphone-busy');
});

test('an insecure page names the address on which the microphone works', () => {
  assert.match(insecureFailure().message, /--ssl-certfile.*http:\/\/localhost:8443 /);
});

test('an error that nobody foresaw is hidden from the person and shown on the console', (t) => {
  const log = t.mock.method(console, 'error', () => {});
  const bug = new TypeError('x is undefined');
  assert.doesNotMatch(sentenceFor(bug), /undefined/);
  assert.deepEqual(log.mock.calls[0].arguments, [bug]);
  assert.equal(sentenceFor(new Failure('idle')), new Failure('idle').message);
  assert.equal(log.mock.callCount(), 1);
});
