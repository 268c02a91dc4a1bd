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

test('a mood is said at once, and again to every session that comes', async (t) => {
  const pass = holdTime(t);
  const socket = await listening();
  assert.ok(!socket.types.includes('mood'), 'neutral is what a face begins in');
  conversation.feel('warm');
  assert.deepEqual(socket.sent.at(-1), { type: 'mood', name: 'warm' });
  socket.hangUp(1006);
  await settle();
  await pass(400);
  const back = await answered();
  assert.deepEqual(back.types.slice(0, 2), ['start', 'mood']);
  conversation.feel('neutral');
  assert.deepEqual(back.sent.at(-1), { type: 'mood', name: 'neutral' });
});

test('a mood that was chosen before there is a session is its first, before any word', async () => {
  conversation.feel('serious');
  conversation.say('Hello', '', CHOICE);
  conversation.feel('sorry');
  await settle();
  const socket = FakeSocket.last;
  socket.open();
  await settle();
  socket.receive({ type: 'started', session: 'ID' });
  await settle();
  assert.deepEqual(socket.types, ['start', 'mood', 'say', 'offer']);
  assert.equal(socket.sent[1].name, 'sorry');
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

/** A page whose time passes when the test says so; answers what asks how much did. */
function holdTime(t) {
  let nowMs = 0;
  t.mock.timers.enable({ apis: ['setTimeout'] });
  t.mock.method(performance, 'now', () => nowMs);
  return async (ms) => {
    for (let passed = 0; passed < ms; passed += 50) {
      nowMs += 50;
      t.mock.timers.tick(50);
      await settle();
    }
  };
}

/** Let the session that is being opened be there. */
async function answered(message = {}) {
  const socket = FakeSocket.last;
  socket.open();
  await settle();
  socket.receive({ type: 'started', session: 'ID2', ...message });
  await settle();
  socket.receive({ type: 'answer', sdp: 'x' });
  await settle();
  return socket;
}

const speaking = (state, utterance, playedMs = 0) => ({
  type: 'speaking', seq: 1, state, utterance, played_ms: playedMs, interrupted: false,
});

test('a lost connection is made again, and the face listens where it did', async (t) => {
  const pass = holdTime(t);
  const told = [];
  for (const name of ['away', 'end', 'opened', 'closed']) conversation.on(name, () => told.push(name));
  const socket = await listening();
  socket.hangUp(1006);
  await settle();
  assert.match(changes.at(-1).sentence, /was lost. Coming back/);
  assert.equal(conversation.state, 'connecting');
  FakeSocket.last.hangUp(1006); // nobody answers yet
  const refused = FakeSocket.last;
  await pass(400);
  assert.notEqual(FakeSocket.last, refused);
  const back = await answered();
  assert.deepEqual([back.sent[0].mode, back.sent[0].avatar], ['agent', 'default']);
  assert.deepEqual(told, ['opened', 'away', 'closed', 'opened']);
  assert.equal(conversation.state, 'live');
});

test('after half a minute it is given up, with what nobody spoke', async (t) => {
  const pass = holdTime(t);
  const unsaid = [];
  conversation.on('unsaid', (text) => unsaid.push(text));
  const socket = await listening();
  conversation.say('Half of this was heard.', '', CHOICE);
  conversation.say('And more.', '', CHOICE);
  socket.receive(speaking('started', '1'));
  socket.hangUp(1006);
  let tries = 0;
  for (let second = 0; second < 40 && conversation.mode; second++) {
    const trying = FakeSocket.last;
    trying.hangUp(1006);
    tries += 1;
    for (let ms = 0; ms < 2_000 && FakeSocket.last === trying && conversation.mode; ms += 50) await pass(50);
  }
  assert.equal(conversation.state, 'error');
  assert.match(changes.at(-1).sentence, /does not answer/);
  assert.ok(tries > 15 && tries < 60, `${tries} tries`);
  assert.deepEqual(unsaid, ['And more.']);
});

for (const [code, isTriedAgain] of [
  ['server_full', true], ['server_busy', true], ['session_moving', true], ['quota_sessions', true],
  ['key_missing', false], ['no_such_avatar', false], ['engine_unavailable', false], ['host_not_allowed', false],
]) {
  test(`after a loss ${code} is ${isTriedAgain ? 'tried again' : 'the end of it'}`, async (t) => {
    const pass = holdTime(t);
    const socket = await listening();
    socket.hangUp(1006);
    await settle();
    const refusing = FakeSocket.last;
    refusing.open();
    await settle();
    refusing.receive({ type: 'error', code, message: 'No.' });
    await pass(2_000);
    assert.equal(FakeSocket.last !== refusing, isTriedAgain);
    assert.equal(conversation.state, isTriedAgain ? 'connecting' : 'error');
  });
}

test('a server that was full when the visitor began is not asked again', async (t) => {
  const pass = holdTime(t);
  conversation.attend(CHOICE);
  await settle();
  const socket = FakeSocket.last;
  socket.open();
  await settle();
  socket.receive({ type: 'error', code: 'server_full', message: 'All places are taken.' });
  await pass(3_000);
  assert.equal(FakeSocket.last, socket);
  assert.equal(conversation.state, 'error');
});

test('stop ends the coming back at once', async (t) => {
  const pass = holdTime(t);
  const socket = await listening();
  socket.hangUp(1006);
  await settle();
  const trying = FakeSocket.last;
  trying.hangUp(1006);
  await settle();
  conversation.stop();
  await pass(3_000);
  assert.equal(FakeSocket.last, trying);
  assert.equal(conversation.state, 'idle');
});

test('texts that nobody heard are spoken by the next session, numbered on', async (t) => {
  holdTime(t);
  const socket = await listening();
  for (const text of ['One.', 'Two.', 'Three.']) conversation.say(text, 'en-gb', CHOICE);
  socket.receive(speaking('started', '1'));
  socket.receive(speaking('finished', '1'));
  socket.receive(speaking('started', '2'));
  socket.hangUp(1006);
  await settle();
  conversation.say('Four.', '', CHOICE);
  const back = await answered();
  assert.equal(back.sent[0].next_utterance, 3);
  const said = back.sent.filter(({ type }) => type === 'say');
  assert.deepEqual(said.map(({ text, voice }) => [text, voice]), [['Three.', 'en-gb'], ['Four.', undefined]]);
  assert.equal(conversation.state, 'playing');
});

/** Two seconds of noise, with a pause from 0.8 to 1.2 s. */
function sentence() {
  const samples = Float32Array.from({ length: 96_000 }, (_, i) => (i >= 38_400 && i < 57_600 ? 0 : i % 2 ? 0.5 : -0.5));
  return new Clip({ length: samples.length, numberOfChannels: 1, getChannelData: () => samples });
}

/** Play it until it is heard. */
async function heard(pass) {
  conversation.play(async () => sentence(), CHOICE, 'the sample');
  await settle();
  const socket = FakeSocket.last;
  socket.open();
  await settle();
  socket.receive({ type: 'started', session: 'ID' });
  await settle();
  socket.receive({ type: 'answer', sdp: 'x' });
  await pass(200);
  socket.receive(speaking('started', '1'));
  return socket;
}

const samplesSentTo = (socket) =>
  socket.sent.filter((data) => data instanceof Int16Array).reduce((sum, { length }) => sum + length, 0);

test('a clip goes on where it was lost', async (t) => {
  const pass = holdTime(t);
  const socket = await heard(pass);
  await pass(500);
  socket.hangUp(1006);
  await settle();
  const back = await answered();
  await pass(3_000);
  assert.equal(samplesSentTo(back), 96_000 - 24_000);
  assert.equal(back.types.at(-1), 'flush');
  assert.equal(changes.at(-1).sentence, 'Playing the sample.');
  back.receive(speaking('finished', '2', 1_500));
  assert.equal(conversation.state, 'live');
});

test('a clip is asked to move: it does so at the next pause, and goes on where it was played', async (t) => {
  const pass = holdTime(t);
  const socket = await heard(pass);
  socket.receive({ type: 'move', in_s: 20 });
  await pass(700);
  assert.ok(!socket.types.includes('interrupt'));
  await pass(350);
  assert.equal(socket.types.at(-1), 'interrupt');
  socket.receive({ type: 'speaking', seq: 2, state: 'finished', utterance: '1', played_ms: 1_000, interrupted: true });
  socket.receive({ type: 'interrupted', seq: 3, utterance: '1', played_ms: 1_000, session_played_ms: 1_000 });
  await settle();
  assert.equal(socket.closedWith, 1000);
  assert.match(changes.at(-1).sentence, /moves to another machine/);
  const back = await answered();
  await pass(3_000);
  assert.equal(samplesSentTo(back), 48_000);
});

test('a clip without a pause moves before its time is over', async (t) => {
  const pass = holdTime(t);
  const socket = await heard(pass);
  socket.receive({ type: 'move', in_s: 1 });
  await pass(550);
  assert.equal(socket.types.at(-1), 'interrupt');
});

test('a face that listens moves at once, one that speaks a text when it has', async (t) => {
  const pass = holdTime(t);
  let socket = await listening();
  socket.receive({ type: 'move', in_s: 20 });
  await settle();
  assert.equal(socket.closedWith, 1000);
  socket = await answered();
  conversation.say('Hello', '', CHOICE);
  socket.receive(speaking('started', '1'));
  socket.receive({ type: 'move', in_s: 20 });
  await pass(5_000);
  assert.equal(socket.closedWith, null);
  socket.receive(speaking('finished', '1', 900));
  await settle();
  assert.equal(socket.closedWith, 1000);
  const back = await answered();
  assert.deepEqual(back.types, ['start', 'offer']);
  assert.equal(conversation.state, 'live');
});

test('who is asked to move before the session is there moves when it is', async (t) => {
  holdTime(t);
  conversation.attend(CHOICE);
  await settle();
  const socket = FakeSocket.last;
  socket.open();
  await settle();
  socket.receive({ type: 'started', session: 'ID' });
  socket.receive({ type: 'move', in_s: 20 });
  await settle();
  assert.equal(socket.closedWith, null);
  socket.receive({ type: 'answer', sdp: 'x' });
  await settle();
  assert.equal(socket.closedWith, 1000);
  await answered();
  assert.equal(conversation.state, 'live');
});
