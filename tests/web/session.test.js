import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';

import { Session } from '../../web/js/session/session.js';
import { FakeConnection, FakeSocket, pretendBrowser, settle } from './fakes.js';

pretendBrowser();

const REQUEST = { avatar: 'default', engine: 'auto', mode: 'live', sample_rate: 48_000 };
const REFUSAL = { type: 'error', code: 'engine_failed', message: 'The engine broke; start again.' };

let abort;
let session;
let told; // [name, detail] of the session's events

beforeEach(() => {
  abort = new AbortController();
  session = new Session();
  told = [];
  for (const name of ['stream', 'stats', 'speaking', 'failed', 'unsteady', 'steady']) {
    session.on(name, (detail) => told.push([name, detail]));
  }
});

// Also where a test failed: what still runs would keep the process alive.
afterEach(() => abort.abort());

const failures = () => told.filter(([name]) => name === 'failed').map(([, failure]) => failure);

/** Begin the session up to an open socket. */
async function begun() {
  const started = session.start(REQUEST, abort.signal);
  started.catch(() => {});
  const socket = FakeSocket.last;
  socket.open();
  await settle();
  return { socket, started };
}

/** Begin it up to flowing media. */
async function live() {
  const { socket, started } = await begun();
  socket.receive({ type: 'started', voice_lead_ms: 40, ice_servers: [] });
  await settle();
  socket.receive({ type: 'answer', sdp: 'the answer' });
  await started;
  return socket;
}

test('a key that the visitor typed goes with the start', async (t) => {
  globalThis.sessionStorage = { getItem: (name) => (name === 'lipwire.key' ? 'secret' : null) };
  t.after(() => delete globalThis.sessionStorage);
  const { socket } = await begun();
  assert.equal(socket.sent[0].key, 'secret');
});

test('that a key is missing is said in the words of the page, not in those for programs', async () => {
  const { socket } = await begun();
  socket.receive({ type: 'error', code: 'key_missing', message: 'Send "key" in "start".' });
  assert.match(failures()[0].message, /under “Key”/);
});

test('a session starts, offers, and tells its stream before it is ready', async () => {
  const { socket, started } = await begun();
  assert.equal(socket.url, 'wss://face.test:8443/ws');
  assert.deepEqual(socket.sent, [{ type: 'start', channels: 1, encoding: 'pcm_s16le', ...REQUEST }]);
  socket.receive({ type: 'started', voice_lead_ms: 40 });
  await settle();
  assert.deepEqual(socket.sent[1], { type: 'offer', sdp: 'the offer' });
  socket.receive({ type: 'answer', sdp: 'the answer' });
  assert.equal((await started).voice_lead_ms, 40);
  assert.ok(told.some(([name]) => name === 'stream'));
});

test('reports are handed on as they are', async () => {
  const socket = await live();
  const stats = { type: 'stats', delay_ms: 120 };
  socket.receive(stats);
  socket.receive({ type: 'speaking', state: 'finished', played_ms: 40 });
  assert.deepEqual(told.find(([name]) => name === 'stats')[1], stats);
  assert.ok(told.some(([name]) => name === 'speaking'));
});

test('an error message ends the session at once, with the words of the server', async () => {
  const socket = await live();
  socket.receive(REFUSAL);
  assert.deepEqual(failures().map(({ code, message }) => [code, message]), [[REFUSAL.code, REFUSAL.message]]);
  assert.equal(socket.closedWith, 1000);
  assert.equal(FakeConnection.last.connectionState, 'closed');
});

test('nothing that follows an error message is told, its close included', async () => {
  const socket = await live();
  socket.receive(REFUSAL);
  socket.receive({ type: 'stats', delay_ms: 120 });
  socket.hangUp(4500);
  assert.equal(failures().length, 1);
  assert.ok(!told.some(([name]) => name === 'stats'));
});

test('an error message in answer to the start rejects it', async () => {
  const { socket, started } = await begun();
  socket.receive({ type: 'error', code: 'server_full', message: 'All places are taken.' });
  await assert.rejects(started, { code: 'server_full', message: 'All places are taken.' });
});

test('a socket that never opened and one that was lost are told apart', async () => {
  const started = session.start(REQUEST, abort.signal);
  FakeSocket.last.hangUp(1006);
  await assert.rejects(started, { code: 'socket-refused' });
  session = new Session();
  const { socket, started: second } = await begun();
  socket.hangUp(1006);
  await assert.rejects(second, { code: 'socket-lost' });
});

test('a network that gives up ends the session, one that recovers does not', async () => {
  await live();
  FakeConnection.last.become('disconnected');
  FakeConnection.last.become('connected');
  assert.deepEqual(told.slice(-2).map(([name]) => name), ['unsteady', 'steady']);
  FakeConnection.last.become('failed');
  assert.equal(failures()[0].code, 'ice-failed');
});

test('an abort says goodbye, closes everything and is no failure', async () => {
  const socket = await live();
  abort.abort();
  assert.equal(socket.types.at(-1), 'stop');
  assert.equal(socket.closedWith, 1000);
  assert.equal(FakeConnection.last.connectionState, 'closed');
  assert.deepEqual(failures(), []);
});

test('an interrupt resolves to its answer, and to null once the session is over', async () => {
  const socket = await live();
  const first = session.interrupt();
  socket.receive({ type: 'interrupted', played_ms: 80 });
  assert.equal((await first).played_ms, 80);
  const second = session.interrupt();
  abort.abort();
  assert.equal(await second, null);
});

test('an interrupt that could not be sent waits for nothing, and shifts no later answer', async () => {
  let early = 'waiting';
  session.interrupt().then((answer) => (early = answer));
  await settle();
  assert.equal(early, null);
  const socket = await live();
  let later = 'waiting';
  session.interrupt().then((answer) => (later = answer));
  socket.receive({ type: 'interrupted', played_ms: 80 });
  await settle();
  assert.deepEqual(later, { type: 'interrupted', played_ms: 80 });
});

test('the answer to an interrupt that was given up is not taken for that of the next', async (t) => {
  const socket = await live();
  t.mock.timers.enable({ apis: ['setTimeout'] });
  const first = session.interrupt();
  t.mock.timers.tick(2_000);
  assert.equal(await first, null);
  const second = session.interrupt();
  socket.receive({ type: 'interrupted', played_ms: 80 });
  socket.receive({ type: 'interrupted', played_ms: 120 });
  assert.equal((await second).played_ms, 120);
});

test('no timer outlives a session, however far it came', async (t) => {
  const running = new Set();
  const start = () => {
    const timer = {};
    running.add(timer);
    return timer;
  };
  for (const name of ['setTimeout', 'setInterval']) t.mock.method(globalThis, name, start);
  for (const name of ['clearTimeout', 'clearInterval']) t.mock.method(globalThis, name, (timer) => running.delete(timer));
  await begun();
  session.close();
  await settle();
  assert.equal(running.size, 0);
  session = new Session();
  await live();
  session.close();
  await settle();
  assert.equal(running.size, 0);
  FakeConnection.isReachable = false;
  t.after(() => (FakeConnection.isReachable = true));
  session = new Session();
  const { socket } = await begun();
  socket.receive({ type: 'started' });
  await settle();
  socket.receive({ type: 'answer', sdp: 'the answer' });
  await settle();
  assert.notEqual(running.size, 0);
  session.close();
  await settle();
  assert.equal(running.size, 0);
});

const ELSEWHERE = { type: 'elsewhere', url: 'wss://stage.test:8101/ws?place=ticket' };

/** Be sent on to another address, and open that. */
async function sentOn(socket, message = ELSEWHERE) {
  socket.receive(message);
  socket.hangUp(4307);
  await settle();
  const next = FakeSocket.last;
  if (next !== socket) next.open();
  await settle();
  return next;
}

test('where the server names another address the same is said there, and its close is no loss', async () => {
  const { socket, started } = await begun();
  const stage = await sentOn(socket);
  assert.equal(stage.url, ELSEWHERE.url);
  assert.deepEqual(stage.sent, socket.sent);
  assert.deepEqual(failures(), []);
  stage.receive({ type: 'started', voice_lead_ms: 40 });
  await settle();
  stage.receive({ type: 'answer', sdp: 'the answer' });
  await started;
  stage.hangUp(1006);
  assert.equal(failures()[0].code, 'socket-lost');
});

test('a page that is sent on and on gives up after three hops', async () => {
  const { socket, started } = await begun();
  let at = socket;
  for (let hops = 0; hops < 4; hops++) at = await sentOn(at);
  await assert.rejects(started, { code: 'sent-round' });
  assert.equal(at.sent.length, 1);
});

test('a page of https is sent nowhere in the clear', async () => {
  for (const url of ['ws://stage.test/ws', 'https://stage.test/ws', 'javascript:alert(1)', '', undefined]) {
    session = new Session();
    const { socket, started } = await begun();
    await sentOn(socket, { type: 'elsewhere', url });
    await assert.rejects(started, { code: 'bad-address' });
  }
});

test('all addresses together have the time that one has to be opened', async (t) => {
  t.mock.timers.enable({ apis: ['setTimeout'] });
  let nowMs = 0;
  t.mock.method(performance, 'now', () => nowMs);
  const started = session.start(REQUEST, abort.signal);
  started.catch(() => {});
  nowMs = 6_000;
  FakeSocket.last.open();
  await settle();
  FakeSocket.last.receive(ELSEWHERE);
  await settle();
  t.mock.timers.tick(3_900);
  await settle();
  t.mock.timers.tick(200);
  await assert.rejects(started, { code: 'socket-refused' });
});

test('a server that is silent on both ways is lost, one that only lost the picture is not', async (t) => {
  t.mock.timers.enable({ apis: ['setInterval'] });
  const socket = await live();
  FakeConnection.last.become('disconnected');
  t.mock.timers.tick(3_500);
  socket.receive({ type: 'stats' });
  t.mock.timers.tick(3_500);
  assert.deepEqual(failures(), []);
  t.mock.timers.tick(500);
  assert.equal(failures()[0].code, 'socket-lost');
});
