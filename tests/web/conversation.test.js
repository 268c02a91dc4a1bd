import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';

import { Conversation } from '../../web/js/session/conversation.js';
import { Clip } from '../../web/js/session/clip.js';
import { FakeSocket, pretendBrowser, settle } from './fakes.js';

pretendBrowser();

const CHOICE = { avatar: 'default', engine: 'auto' };
const SHORT = new Clip({ length: 480, numberOfChannels: 1, getChannelData: () => new Float32Array(480) });

let conversation;
let changes;

beforeEach(() => {
  conversation = new Conversation();
  changes = [];
  conversation.on('change', (change) => changes.push(change));
});

// Also where a test failed: what still runs would keep the process alive.
afterEach(() => conversation.stop());

/** Play a clip until all of it was sent. */
async function played(choice = CHOICE) {
  const done = conversation.play(async () => SHORT, choice, 'the sample');
  await settle();
  const socket = FakeSocket.last;
  if (socket.readyState === 0) {
    socket.open();
    await settle();
    socket.receive({ type: 'started' });
    await settle();
    socket.receive({ type: 'answer', sdp: 'x' });
  }
  await done;
  return socket;
}

test('a clip is sent, flushed, and finished when the server has played it', async () => {
  const socket = await played();
  assert.equal(conversation.state, 'playing');
  assert.equal(socket.types.at(-1), 'flush');
  socket.receive({ type: 'speaking', seq: 1, state: 'finished', utterance: '1', played_ms: 10, interrupted: false });
  assert.equal(conversation.state, 'live');
});

test('an error message ends it, with the words of the server', async () => {
  const socket = await played();
  let ends = 0;
  conversation.on('end', () => (ends += 1));
  socket.receive({ type: 'error', code: 'engine_failed', message: 'The engine broke.' });
  assert.deepEqual(changes.at(-1), { state: 'error', sentence: 'The engine broke.', isTrouble: true });
  assert.equal(conversation.mode, null);
  assert.equal(ends, 1);
});

test('a server that is being restarted says so, and the session goes on until it ends', async () => {
  const socket = await played();
  socket.receive({ type: 'draining', in_s: 29.4 });
  assert.equal(conversation.state, 'playing');
  assert.match(changes.at(-1).sentence, /restarted.* 30 s/);
  socket.receive({ type: 'error', code: 'server_draining', message: 'For programs.' });
  assert.deepEqual([changes.at(-1).state, changes.at(-1).isTrouble], ['error', true]);
  assert.match(changes.at(-1).sentence, /Start again in a moment/);
});

test('a server that asks for a key is told apart from other trouble', async () => {
  let asked = 0;
  conversation.on('keyless', () => (asked += 1));
  for (const code of ['engine_failed', 'key_missing', 'key_invalid']) {
    conversation.attend(CHOICE);
    await settle();
    FakeSocket.last.open();
    await settle();
    FakeSocket.last.receive({ type: 'error', code, message: 'For programs.' });
  }
  await settle();
  assert.equal(asked, 2);
});

test('texts that no session took are given back', async () => {
  const unsaid = [];
  conversation.on('unsaid', (text) => unsaid.push(text));
  conversation.say('Good morning.', '', CHOICE);
  conversation.say('How are you?', '', CHOICE);
  await settle();
  FakeSocket.last.open();
  await settle();
  FakeSocket.last.receive({ type: 'error', code: 'key_missing', message: 'For programs.' });
  await settle();
  assert.deepEqual(unsaid, ['Good morning. How are you?']);
  conversation.say('Once more.', '', CHOICE);
  await settle();
  FakeSocket.last.open();
  await settle();
  FakeSocket.last.receive({ type: 'started', session: 'ID' });
  await settle();
  FakeSocket.last.receive({ type: 'error', code: 'engine_failed', message: 'The engine broke.' });
  await settle();
  assert.equal(unsaid.length, 1, 'that one was taken');
});

test('a second clip goes on in the session, after an interrupt where the first still plays', async () => {
  const socket = await played();
  const second = conversation.play(async () => SHORT, CHOICE, 'my file');
  await settle();
  assert.equal(socket.types.at(-1), 'interrupt');
  socket.receive({ type: 'interrupted', seq: 2, utterance: '1', played_ms: 5, session_played_ms: 5 });
  await second;
  assert.equal(FakeSocket.last, socket);
  assert.equal(changes.at(-1).sentence, 'Playing my file.');
});

test('another face closes the session, and starts what was heard again with it', async () => {
  const before = await played();
  conversation.changeFace({ ...CHOICE, avatar: 'aunt' });
  await settle();
  assert.equal(before.closedWith, 1000);
  assert.notEqual(FakeSocket.last, before);
  FakeSocket.last.open();
  await settle();
  assert.equal(FakeSocket.last.sent[0].avatar, 'aunt');
});

test('what an earlier session still says changes nothing', async () => {
  const socket = await played();
  conversation.stop();
  const count = changes.length;
  socket.receive({ type: 'error', code: 'engine_failed', message: 'Too late.' });
  socket.hangUp(4500);
  await settle();
  assert.equal(changes.length, count);
  assert.equal(conversation.state, 'idle');
});

/** Begin to type, up to a session that listens. */
async function listening() {
  conversation.attend(CHOICE);
  await settle();
  const socket = FakeSocket.last;
  socket.open();
  await settle();
  socket.receive({ type: 'started', session: 'ID' });
  await settle();
  socket.receive({ type: 'answer', sdp: 'x' });
  await settle();
  return socket;
}

test('who begins to type finds a face that listens', async () => {
  const opened = [];
  conversation.on('opened', (detail) => opened.push(detail));
  const socket = await listening();
  assert.equal(socket.sent[0].mode, 'agent');
  assert.match(changes.at(-1).sentence, /listens/);
  assert.deepEqual(opened, [{ id: 'ID', mode: 'agent', ...CHOICE }]);
});

test('a text is spoken in that session, and then the face listens again', async () => {
  const socket = await listening();
  conversation.say('Hello', 'en-gb', CHOICE);
  assert.deepEqual(socket.sent.at(-1), { type: 'say', text: 'Hello', voice: 'en-gb' });
  assert.equal(conversation.state, 'playing');
  conversation.say('And more', '', CHOICE);
  assert.deepEqual(socket.sent.at(-1), { type: 'say', text: 'And more' });
  socket.receive({ type: 'speaking', seq: 1, state: 'finished', utterance: '1', played_ms: 900, interrupted: false });
  assert.equal(conversation.state, 'playing');
  socket.receive({ type: 'speaking', seq: 2, state: 'finished', utterance: '2', played_ms: 900, interrupted: false });
  assert.equal(conversation.state, 'live');
  assert.match(changes.at(-1).sentence, /listens/);
});

test('a text that is typed before the session is there is said as soon as it is, before the picture', async () => {
  conversation.say('Hello', '', CHOICE);
  await settle();
  const socket = FakeSocket.last;
  socket.open();
  await settle();
  assert.deepEqual(socket.types, ['start']);
  socket.receive({ type: 'started', session: 'ID' });
  await settle();
  assert.deepEqual(socket.types, ['start', 'say', 'offer']);
  socket.receive({ type: 'answer', sdp: 'x' });
  await settle();
  assert.equal(conversation.state, 'playing');
});

test('an interrupt of texts leaves a face that listens', async () => {
  const socket = await listening();
  conversation.say('Hello', '', CHOICE);
  const done = conversation.interrupt();
  socket.receive({ type: 'speaking', seq: 1, state: 'finished', utterance: '1', played_ms: 40, interrupted: true });
  socket.receive({ type: 'interrupted', seq: 2, utterance: '1', played_ms: 40, session_played_ms: 900 });
  await done;
  assert.deepEqual([conversation.state, changes.at(-1).sentence], ['live', 'Interrupted. The face listens.']);
});

test('a session that ends is told by its id', async () => {
  const closed = [];
  conversation.on('closed', (id) => closed.push(id));
  await listening();
  conversation.stop();
  assert.deepEqual(closed, ['ID']);
});
