import assert from 'node:assert/strict';
import { afterEach, beforeEach, mock, test } from 'node:test';

import { Viewing } from '../../web/js/watch/viewing.js';
import { FakeConnection, pretendBrowser, settle } from './fakes.js';

pretendBrowser();

const ADDRESS = { whep: 'https://h.test/whep/ID', token: 'T' };
const OK = { status: 201, headers: { Location: '/whep/ID/secret', ETag: '"1"', Link: '<stun:s.test>; rel="ice-server"' } };

let asked; // [method, url, headers] of every request
let answers; // of the POSTs to come; the last one stays
let packets; // received by the connection that there is
let told;
let redirectedTo; // where the answers come from, if not from where was asked
let viewing;

/** A connection whose packets are counted by the test. */
class Connection extends FakeConnection {
  static made = [];
  iceServers = null;

  constructor() {
    super();
    Connection.made.push(this);
    this.localDescription = null;
  }

  async createOffer() {
    return { type: 'offer', sdp: 'v=0\r\nm=audio 9 x 0\r\na=ice-ufrag:u\r\na=ice-pwd:p\r\na=mid:0\r\n' };
  }

  setConfiguration({ iceServers }) {
    this.iceServers = iceServers;
  }

  async setLocalDescription(description) {
    this.localDescription = description;
  }

  async getStats() {
    return new Map([['a', { type: 'inbound-rtp', kind: 'audio', packetsReceived: packets }]]);
  }
}

beforeEach(() => {
  mock.timers.enable({ apis: ['setTimeout', 'setInterval', 'Date'] });
  let nowMs = 0;
  mock.method(performance, 'now', () => nowMs);
  globalThis.tick = async (ms) => {
    for (let passed = 0; passed < ms; passed += 50) {
      nowMs += 50;
      mock.timers.tick(50);
      await settle();
    }
  };
  globalThis.RTCPeerConnection = Connection;
  globalThis.addEventListener = () => {};
  globalThis.fetch = async (url, { method, headers }) => {
    asked.push([method, url, headers]);
    if (method !== 'POST') return new Response(null, { status: 204 });
    const answer = answers.length > 1 ? answers.shift() : answers[0];
    if (answer instanceof Error) throw answer;
    const made = new Response(answer.body ?? 'the answer', answer);
    Object.defineProperty(made, 'url', { value: redirectedTo ?? url });
    return made;
  };
  Connection.made = [];
  [asked, answers, packets, told, redirectedTo] = [[], [OK], 0, [], null];
  viewing = new Viewing(ADDRESS);
  for (const name of ['stream', 'lost', 'over']) viewing.on(name, (detail) => told.push([name, detail]));
});

afterEach(async () => {
  viewing.close();
  await settle();
  mock.timers.reset();
  mock.restoreAll();
});

const names = () => told.map(([name]) => name);
const posts = () => asked.filter(([method]) => method === 'POST').length;

/** Let packets come for a while. @param {number} ms */
async function flow(ms) {
  for (let passed = 0; passed < ms; passed += 250) {
    packets += 18;
    await globalThis.tick(250);
  }
}

test('an offer without candidates is posted with the token, and the link names the ICE servers', async () => {
  await globalThis.tick(100);
  assert.deepEqual(asked[0].slice(0, 2), ['POST', ADDRESS.whep]);
  assert.deepEqual(asked[0][2], { Authorization: 'Bearer T', 'Content-Type': 'application/sdp' });
  assert.deepEqual(Connection.made[0].iceServers, [{ urls: 'stun:s.test' }]);
  assert.deepEqual(names(), ['stream']);
});

test('candidates follow in one patch, and what is closed is deleted', async () => {
  await globalThis.tick(100);
  const [connection] = Connection.made;
  for (const candidate of ['candidate:1', 'candidate:2']) {
    connection.dispatchEvent(Object.assign(new Event('icecandidate'), { candidate: { candidate, sdpMid: '0' } }));
  }
  connection.dispatchEvent(Object.assign(new Event('icecandidate'), { candidate: null }));
  await globalThis.tick(200);
  viewing.close();
  await settle();
  const later = asked.slice(1).map(([method, url, headers]) => [method, url, headers['If-Match']]);
  const resource = 'https://h.test/whep/ID/secret';
  assert.deepEqual(later, [['PATCH', resource, '"1"'], ['DELETE', resource, undefined]]);
  assert.equal(connection.connectionState, 'closed');
});

test('one that falls silent is lost after a second and a half, and another is made at once', async () => {
  await flow(4_000);
  assert.equal(posts(), 1);
  await globalThis.tick(2_000);
  assert.deepEqual(told.slice(1).map(([name, detail]) => [name, detail.failures]), [['lost', 0], ['stream', undefined]]);
  assert.equal(posts(), 2);
});

test('the last picture can still be kept when the loss is told', async () => {
  await flow(4_000);
  let state = '';
  viewing.on('lost', () => (state = Connection.made[0].connectionState));
  await globalThis.tick(2_000);
  assert.equal(state, 'connected');
  assert.equal(Connection.made[0].connectionState, 'closed');
});

test('a server that is away is asked again and again, within three seconds', async () => {
  await flow(4_000);
  answers = [new TypeError('refused')];
  await globalThis.tick(20_000);
  const streams = () => names().filter((name) => name === 'stream').length;
  assert.equal(streams(), 1);
  answers = [OK];
  await globalThis.tick(3_000);
  assert.equal(streams(), 2);
});

test('a refusal that no try would change ends it', async () => {
  await flow(4_000);
  answers = [{ status: 404, body: '{"code": "no_such_session"}' }];
  await globalThis.tick(30_000);
  assert.equal(posts(), 2);
  assert.deepEqual(told.at(-1), ['over', {
    sentence: 'This session is over.', isGone: true, status: 404, code: 'no_such_session',
  }]);
});

test('what is closed while the server answers is deleted when it has', async () => {
  let give;
  const held = new Promise((resolve) => (give = resolve));
  const { fetch } = globalThis;
  globalThis.fetch = async (...request) => {
    const response = await fetch(...request);
    if (request[1].method === 'POST') await held;
    return response;
  };
  viewing.close();
  viewing = new Viewing(ADDRESS);
  await globalThis.tick(100);
  viewing.close();
  give();
  await settle();
  assert.equal(asked.at(-1)[0], 'DELETE');
});

test('a network that lets nothing through is tried anew', async () => {
  await globalThis.tick(9_000);
  assert.equal(posts(), 2);
  assert.ok(Connection.made[0].connectionState === 'closed');
});

const SEALED = { whep: 'https://h.test/whep/0123456789abcdef01234567.Seal-_0', token: 'T' };
const GONE = { status: 404, body: '{"code": "no_such_session"}' };
const MOVING = { status: 503, body: '{"code": "session_moving"}', headers: { 'Retry-After': '1' } };

/** Watch what may come to live on another machine. */
async function watchingSealed() {
  viewing.close();
  await settle();
  [asked, told] = [[], []];
  viewing = new Viewing(SEALED);
  for (const name of ['stream', 'lost', 'over']) viewing.on(name, (detail) => told.push([name, detail]));
  await flow(4_000);
}

test('a session that moves is asked after once a second, and is back as soon as its new place is known', async () => {
  await watchingSealed();
  answers = [MOVING];
  await globalThis.tick(1_700 + 6_000);
  assert.ok(posts() >= 6 && posts() <= 9, `${posts()} tries`);
  answers = [OK];
  await globalThis.tick(1_100);
  assert.equal(names().at(-1), 'stream');
});

test('one that nobody knows just after its loss may be made anew: it is asked after for ten seconds', async () => {
  await watchingSealed();
  answers = [GONE];
  await globalThis.tick(1_700 + 5_000);
  assert.ok(!names().includes('over'));
  answers = [OK];
  for (let passed = 0; passed < 2_500 && names().at(-1) !== 'stream'; passed += 50) await globalThis.tick(50);
  assert.equal(names().at(-1), 'stream');
  await flow(4_000);
  answers = [GONE];
  await globalThis.tick(1_700 + 12_000);
  assert.deepEqual([names().at(-1), told.at(-1)[1].sentence], ['over', 'This session is over.']);
});

test('a link to one that was never seen is refused at once', async () => {
  viewing.close();
  answers = [GONE];
  viewing = new Viewing(SEALED);
  viewing.on('over', (detail) => told.push(['over', detail]));
  await globalThis.tick(200);
  assert.equal(names().at(-1), 'over');
});

test('every try is made at its own address; what is patched and deleted stands where the answer came from', async () => {
  redirectedTo = 'http://10.0.0.7:8101/whep/0123456789abcdef01234567.Seal-_0?pass=P';
  await watchingSealed();
  const [connection] = Connection.made.slice(-1);
  connection.dispatchEvent(Object.assign(new Event('icecandidate'), { candidate: null }));
  await globalThis.tick(200);
  await globalThis.tick(2_000); // silence: it is lost
  const resource = 'http://10.0.0.7:8101/whep/ID/secret';
  const later = asked.map(([method, url]) => [method, url]);
  assert.deepEqual(later.slice(0, 4), [
    ['POST', SEALED.whep], ['PATCH', resource], ['DELETE', resource], ['POST', SEALED.whep],
  ]);
});

test('a machine that answers nothing is given up soon, and the next try may be sent to another', async () => {
  await watchingSealed();
  const { fetch } = globalThis;
  globalThis.fetch = async (...request) => {
    asked.push([request[1].method, request[0], {}]);
    return request[1].method === 'POST' ? new Promise(() => {}) : fetch(...request);
  };
  await globalThis.tick(1_700);
  assert.equal(posts(), 2);
  await globalThis.tick(2_600);
  assert.equal(posts(), 3);
});
