import assert from 'node:assert/strict';
import { test } from 'node:test';

import { addressOf } from '../../web/js/watch/address.js';
import { waitBefore } from '../../web/js/watch/backoff.js';
import { Liveness } from '../../web/js/watch/liveness.js';
import { Refusal } from '../../web/js/watch/refusal.js';
import { fragmentOf, iceServersOf } from '../../web/js/watch/trickle.js';

const BASE = 'https://mine.test/page/';

for (const [src, token, whep, theToken] of [
  ['https://h.test/whep/ID', 'T', 'https://h.test/whep/ID', 'T'],
  ['https://h.test/watch/ID#token=T', null, 'https://h.test/whep/ID', 'T'],
  ['https://h.test/watch/ID?token=T', null, 'https://h.test/whep/ID', 'T'],
  ['https://h.test/whep/ID#token=old', 'new', 'https://h.test/whep/ID', 'new'],
  ['https://h.test/behind/a/proxy/watch/ID/#token=T', null, 'https://h.test/behind/a/proxy/whep/ID', 'T'],
  ['/watch/ID', null, 'https://mine.test/whep/ID', ''],
  ['https://h.test/whep/watch', null, 'https://h.test/whep/watch', ''],
]) {
  test(`${src} is an address`, () => {
    assert.deepEqual(addressOf(src, token, BASE), { whep, token: theToken });
  });
}

test('what is no address is none', () => {
  for (const src of [null, '', 'javascript:alert(1)', 'ftp://h.test/watch/ID', 'https://']) {
    assert.equal(addressOf(src, 'T', BASE), null, String(src));
  }
});

test('the first try after a loss is made at once, later ones wait longer, never more than two and a half seconds', () => {
  const waits = [0, 1, 2, 3, 4, 5, 50].map((failures) => waitBefore(failures, 1));
  assert.deepEqual(waits, [0, 250, 500, 1000, 2000, 2500, 2500]);
  assert.ok(waitBefore(5, 0) < waitBefore(5, 0.5)); // not all viewers at once
  assert.equal(waitBefore(1, 1, 9_000), 9_000); // the server's wish
});

test('a connection without packets for a second and a half is lost', () => {
  const liveness = new Liveness(0);
  let nowMs = 0;
  for (let packets = 1; packets < 20; packets++) assert.equal(liveness.isLost((nowMs += 250), packets), false);
  const looks = Array.from({ length: 6 }, () => liveness.isLost((nowMs += 250), 19));
  assert.deepEqual(looks, [false, false, false, false, false, true]);
});

test('a page that slept has lost nothing by that', () => {
  const liveness = new Liveness(0);
  assert.equal(liveness.isLost(250, 1), false);
  assert.equal(liveness.isLost(60_000, 1), false);
  assert.equal(liveness.isLost(60_250, 2), false);
});

const OFFER = [
  'v=0', 'm=audio 9 UDP/TLS/RTP/SAVPF 111', 'a=ice-ufrag:name', 'a=ice-pwd:secret', 'a=mid:0',
  'm=video 9 UDP/TLS/RTP/SAVPF 96', 'a=ice-ufrag:name', 'a=ice-pwd:secret', 'a=mid:1', '',
].join('\r\n');

test('candidates go under their section', () => {
  const candidates = [
    { candidate: 'candidate:1 1 udp 1 10.0.0.1 1 typ host', sdpMid: '0' },
    { candidate: 'candidate:2 1 udp 1 10.0.0.2 2 typ host', sdpMid: '1' },
  ];
  assert.deepEqual(fragmentOf(OFFER, candidates, false).split('\r\n'), [
    'a=ice-ufrag:name', 'a=ice-pwd:secret',
    'm=audio 9 UDP/TLS/RTP/SAVPF 111', 'a=mid:0', 'a=candidate:1 1 udp 1 10.0.0.1 1 typ host',
    'm=video 9 UDP/TLS/RTP/SAVPF 96', 'a=mid:1', 'a=candidate:2 1 udp 1 10.0.0.2 2 typ host', '',
  ]);
});

test('that there are no more candidates is said, also where there were none', () => {
  assert.deepEqual(fragmentOf(OFFER, [], true).split('\r\n').slice(2, -1), [
    'm=audio 9 UDP/TLS/RTP/SAVPF 111', 'a=mid:0', 'a=end-of-candidates',
  ]);
});

test('ICE servers are read from the links, whatever else is linked', () => {
  const header = '<stun:s.test:3478>; rel="ice-server", <https://x.test/a,b>; rel="next", '
    + '<turn:t.test:3478?transport=udp>; rel="ice-server"; username="a, \\"b\\""; credential="c;d"; credential-type="password"';
  assert.deepEqual(iceServersOf(header), [
    { urls: 'stun:s.test:3478' },
    { urls: 'turn:t.test:3478?transport=udp', username: 'a, "b"', credential: 'c;d' },
  ]);
  assert.deepEqual(iceServersOf(null), []);
});

/** @param {number} status @param {object} [problem] @param {Record<string, string>} [headers] */
const answer = (status, problem, headers) => new Response(problem ? JSON.stringify(problem) : 'oops', { status, headers });

test('a refusal knows whether another try helps, and says what the person can do', async () => {
  for (const [response, isFinal, words] of [
    [answer(401, { code: 'token_missing' }), true, /its token is missing/],
    [answer(401, { code: 'token_expired' }), true, /expired/],
    [answer(401, { code: 'token_invalid' }), true, /not valid/],
    [answer(403, { code: 'token_not_for_this' }), true, /something else/],
    [answer(404, { code: 'no_such_session' }), true, /no such session/],
    [answer(422, { code: 'bad_sdp' }), true, /another browser/],
    [answer(502), false, /502/],
    [answer(503, { code: 'too_many_viewers' }), false, /503/],
  ]) {
    const refusal = await Refusal.of(response);
    assert.equal(refusal.isFinal, isFinal, `${refusal.status}`);
    assert.match(refusal.message, words);
  }
});

test('a session that ends while it is watched is over, by whichever status', async () => {
  for (const response of [answer(404), answer(410), answer(409, { code: 'session_over' })]) {
    const refusal = await Refusal.of(response);
    assert.ok(refusal.isFinal && refusal.isGone);
    assert.equal(refusal.atEnd, 'This session is over.');
  }
});

test('the server says when to come again, within reason', async () => {
  assert.equal((await Refusal.of(answer(503, undefined, { 'Retry-After': '2' }))).waitMs, 2_000);
  assert.equal((await Refusal.of(answer(503, undefined, { 'Retry-After': '86400' }))).waitMs, 30_000);
  assert.equal((await Refusal.of(answer(503, undefined, { 'Retry-After': 'tomorrow' }))).waitMs, 0);
});
