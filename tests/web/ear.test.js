import assert from 'node:assert/strict';
import { afterEach, beforeEach, test } from 'node:test';

import { Conversation } from '../../web/js/session/conversation.js';
import { Ear } from '../../web/js/session/ear.js';
import { FakeMicrophone, FakeSocket, pretendBrowser, settle } from './fakes.js';

pretendBrowser();

const CHOICE = { avatar: 'default', engine: 'auto' };

let ear;
let isOpen;

beforeEach(() => {
  FakeMicrophone.refused = null;
  ear = new Ear();
  isOpen = [];
  ear.on('change', (now) => isOpen.push(now));
});

afterEach(() => ear.close());

test('it tells how loud somebody is, five levels at once, until it is closed', async () => {
  const levels = [];
  ear.on('levels', (told) => levels.push(told));
  assert.equal(await ear.open(), true);
  const microphone = FakeMicrophone.last;
  microphone.hear(19);
  assert.equal(levels.length, 1);
  microphone.hear(1);
  assert.deepEqual(levels, [Array(5).fill(-12.2), Array(5).fill(-12.2)]);
  ear.close();
  ear.close();
  microphone.hear(100);
  assert.equal(levels.length, 2);
  assert.equal(microphone.isOpen, false, 'its lamp is out');
  assert.deepEqual(isOpen, [true, false]);
});

test('a microphone that is refused leaves it closed, and says why', async () => {
  FakeMicrophone.refused = 'NotAllowedError';
  await assert.rejects(ear.open(), { code: 'microphone-denied' });
  assert.equal(ear.isOpen, false);
  assert.deepEqual(isOpen, [true, false]);
});

test('closed while the browser still asks, it takes no microphone', async () => {
  const opening = ear.open();
  ear.close();
  assert.equal(await opening, false);
  assert.equal(FakeMicrophone.last.isOpen, false);
  assert.deepEqual(isOpen, [true, false]);
});

test('a microphone that is unplugged closes it, and says so', async () => {
  const lost = [];
  ear.on('lost', ({ code }) => lost.push(code));
  await ear.open();
  FakeMicrophone.last.dispatchEvent(new Event('ended'));
  assert.deepEqual([lost, ear.isOpen], [['microphone-lost'], false]);
});

test('a face that listens is told the levels, and nothing else of it', async (t) => {
  const conversation = new Conversation();
  t.after(() => conversation.stop());
  ear.on('levels', (levels) => conversation.hear(levels));
  await ear.open();
  FakeMicrophone.last.hear(10); // before there is a session nobody hears it
  conversation.attend(CHOICE);
  await settle();
  const socket = FakeSocket.last;
  socket.open();
  await settle();
  FakeMicrophone.last.hear(10);
  assert.deepEqual(socket.types, ['start'], 'nothing is kept for later');
  socket.receive({ type: 'started', session: 'ID' });
  await settle();
  socket.receive({ type: 'answer', sdp: 'x' });
  await settle();
  FakeMicrophone.last.hear(20);
  conversation.hearNoMore();
  assert.deepEqual(socket.sent.slice(2), [
    { type: 'listening', levels: Array(5).fill(-12.2) },
    { type: 'listening', levels: Array(5).fill(-12.2) },
    { type: 'listening', state: 'end' },
  ]);
});

test('where the network takes nothing, what somebody says is forgotten, not kept', async (t) => {
  const conversation = new Conversation();
  t.after(() => conversation.stop());
  conversation.attend(CHOICE);
  await settle();
  const socket = FakeSocket.last;
  socket.open();
  await settle();
  socket.receive({ type: 'started', session: 'ID' });
  await settle();
  const before = socket.sent.length;
  const send = socket.send.bind(socket);
  socket.send = (data) => {
    send(data);
    socket.bufferedAmount += data.length;
  };
  for (let i = 0; i < 100_000; i++) conversation.hear(Array(5).fill(-12.2));
  assert.ok(socket.bufferedAmount < 17_000, `${socket.bufferedAmount} bytes wait`);
  assert.ok(socket.sent.length - before > 50);
});

test('one who speaks with the microphone, or plays a clip, is not listened to', async (t) => {
  const conversation = new Conversation();
  t.after(() => conversation.stop());
  conversation.hear([-20]);
  conversation.speak(CHOICE);
  await settle();
  const socket = FakeSocket.last;
  socket.open();
  await settle();
  socket.receive({ type: 'started', session: 'ID' });
  await settle();
  conversation.hear([-20]);
  conversation.hearNoMore();
  assert.ok(!socket.types.includes('listening'));
});
