/** Wires the page together. */

import {
  deleteAvatar, getSite, isVideo, listAvatars, listEngines, listVoices, newUploadId, serverKey, uploadAvatar,
} from './api.js';
import { isAboutKey, sentenceFor } from './errors.js';
import { Avatars, isBundled } from './faces/avatars.js';
import { DeleteDialog } from './faces/delete-dialog.js';
import { acceptDrops } from './faces/dropzone.js';
import { FramingDialog } from './faces/framing-dialog.js';
import { MouthEditor } from './faces/mouth-editor.js';
import { watchPreparation } from './faces/preparation.js';
import { fetchClip, readClip } from './session/clip.js';
import { Conversation } from './session/conversation.js';
import { Ear } from './session/ear.js';
import { isMicrophoneAllowedHere } from './session/microphone.js';
import { SessionList } from './sessions/session-list.js';
import { Controls } from './ui/controls.js';
import { showEngines } from './ui/engines.js';
import { Figures } from './ui/figures.js';
import { Hearing } from './ui/hearing.js';
import { KeyForm } from './ui/key-form.js';
import { Moods } from './ui/moods.js';
import { part } from './ui/part.js';
import { Stage } from './ui/stage.js';
import { Typing } from './ui/typing.js';

const SAMPLE_URL = '/web/assets/sample.wav';
const HEARD_SENTENCE = 'You hear the face now. With headphones, the microphone does not hear it too.';
const KEY_SENTENCE = 'This server asks for a key before it makes or shows sessions.';
const LISTENS_SENTENCE = 'The face listens to you. It answers when you type what it shall say.';
const ACCEPTED_SENTENCE = 'The key is right. Ready.';
const SILENT_SENTENCE = 'The face is silent, and follows your voice.';

const dropTarget = part(document, '#stage', HTMLElement);
const video = part(document, '#video', HTMLVideoElement);
const engine = part(document, '#engine', HTMLSelectElement);
const background = part(document, '#background', HTMLSelectElement);
const stage = new Stage(dropTarget);
const hearing = new Hearing(video, part(document, '#hear', HTMLButtonElement));
const controls = new Controls();
const avatars = new Avatars(part(document, '#avatars', HTMLElement));
const figures = new Figures(part(document, '#figures', HTMLElement), video, part(document, '#trend', SVGElement));
const conversation = new Conversation();
const ear = new Ear();
const deleteDialog = new DeleteDialog(part(document, '#delete-dialog', HTMLDialogElement));
const keyForm = new KeyForm(part(document, '#key-form', HTMLFormElement), part(document, '#key-row', HTMLElement));
const sessions = new SessionList(part(document, '#sessions', HTMLElement), (id) => avatars.nameOf(id));
const typing = new Typing(
  part(document, '#say', HTMLFormElement),
  part(document, '#say-why', HTMLElement),
  part(document, '#voice-row', HTMLElement),
);
const framingDialog = new FramingDialog(part(document, '#framing-dialog', HTMLDialogElement));
/** @type {Map<string, File>} the pictures that were chosen on this page, by the faces that they became */
const pictures = new Map();
const moods = new Moods(part(document, '#moods', HTMLElement));
const mouthEditor = new MouthEditor(part(document, '#mouth-dialog', HTMLDialogElement));

const faceHint = part(document, '#face-hint', HTMLElement);
const usualFaceHint = faceHint.textContent;

const choice = () => ({ avatar: avatars.chosenId, engine: engine.value, background: background.value });

function wireButtons() {
  controls.onClick('start-mic', () => conversation.speak(choice()));
  controls.onClick('play-sample', () =>
    conversation.play(() => fetchClip(SAMPLE_URL), choice(), 'the sample'),
  );
  controls.onFile('choose-wav', 'wav-file', (file) =>
    conversation.play(() => readClip(file), choice(), file.name),
  );
  controls.onFile('choose-face', 'face-file', (file) => addFace(file));
  controls.onClick('interrupt', () => conversation.interrupt());
  controls.onClick('stop', () => conversation.stop());
  controls.onClick('hear', () => {
    const isHeard = hearing.toggle();
    if (conversation.mode === 'live') controls.say(isHeard ? HEARD_SENTENCE : SILENT_SENTENCE);
  });
}

function wireConversation() {
  conversation.on('change', ({ state, sentence, isTrouble }) => {
    hearing.showMode(conversation.mode);
    controls.showState(state, conversation.mode);
    if (conversation.mode !== 'agent') ear.close(); // only a face that listens hears it
    controls.say(sentence, isTrouble);
  });
  conversation.on('session', (session) => {
    figures.begin(session);
    session.on('stream', (stream) => stage.showVideo(stream, (sentence) => controls.say(sentence)));
  });
  conversation.on('away', () => stage.keep());
  conversation.on('unsaid', (text) => typing.restore(text));
  conversation.on('keyless', (why) => keyForm.ask(why));
  conversation.on('level', (peak) => stage.showLevel(peak));
  conversation.on('end', () => {
    figures.end();
    stage.showNothing();
  });
}

function wireTyping() {
  // From the first letter on, so that the face is there when the sentence is.
  typing.on('begin', () => {
    if (!conversation.mode) conversation.attend(choice());
  });
  typing.on('say', (text) => conversation.say(text, typing.voice, choice()));
}

function wireListening() {
  controls.onClick('listen', () => (ear.isOpen ? ear.close() : listen().catch(complain)));
  ear.on('change', (isOpen) => {
    controls.showListening(isOpen);
    if (isOpen) return;
    conversation.hearNoMore();
    stage.showLevel(0);
  });
  ear.on('levels', (levels) => conversation.hear(levels));
  ear.on('level', (peak) => stage.showLevel(peak));
  ear.on('lost', complain);
}

/** Let the face listen to who sits here, in a session that speaks what is typed. */
async function listen() {
  controls.say('Waiting for the microphone…');
  if (!(await ear.open())) return;
  conversation.attend(choice());
  if (conversation.state === 'live') controls.say(LISTENS_SENTENCE);
}

function wireMoods() {
  moods.on('choose', (mood) => conversation.feel(mood));
}

function wireSessions() {
  let ownId = '';
  conversation.on('opened', ({ id, avatar }) => sessions.add((ownId = id), avatar));
  conversation.on('closed', (id) => sessions.remove(id));
  controls.onClick('new-session', () => sessions.create(choice()));
  sessions.on('ended', (id) => id === ownId && conversation.stop());
  sessions.on('failure', complain);
}

function wireFaces() {
  acceptDrops(dropTarget, (file) => addFace(file));
  avatars.on('choose', (avatar) => {
    stage.showPicture(avatar);
    // The status line moves on with the session; what the server said of this picture stays here.
    faceHint.textContent = avatar.notice || usualFaceHint;
    controls.showMouth(!isBundled(avatar), false);
    controls.showFraming(pictures.has(avatar.id));
    conversation.changeFace(choice());
  });
  controls.onClick('frame-face', () => {
    const picture = pictures.get(avatars.chosenId);
    if (picture) framingDialog.open(picture);
  });
  framingDialog.on('use', ({ file, framing }) => addFace(file, framing));
  avatars.on('delete', removeFace);
}

function wireMouth() {
  controls.onClick('adjust-mouth', () => {
    if (avatars.chosen) mouthEditor.open(avatars.chosen).catch(complain);
  });
  mouthEditor.on('save', ({ avatar, sentence }) => {
    if (avatar.id !== avatars.chosenId) return;
    controls.showMouth(true, false);
    conversation.renewFace(choice());
    controls.say(sentence);
  });
  mouthEditor.on('failure', complain);
}

/** @param {File} file @param {?import('./faces/framing.js').Framing} [framing] */
async function addFace(file, framing = null) {
  controls.showUploading(true);
  const upload = newUploadId();
  let stopWatching = () => {};
  if (isVideo(file)) {
    controls.say('Sending the video…');
    stopWatching = watchPreparation(upload, (percent) => controls.say(`Preparing the video… ${percent}%`));
  } else {
    controls.say('Looking for the face in the picture…');
  }
  try {
    const avatar = await uploadAvatar(file, upload, framing).finally(stopWatching);
    if (!isVideo(file)) pictures.set(avatar.id, file);
    avatars.add(avatar);
    avatars.choose(avatar.id);
    controls.showMouth(!isBundled(avatar), true);
    controls.say(avatar.notice || 'The new face is ready.');
  } catch (error) {
    complain(error);
  }
  controls.showUploading(false);
}

/** @param {import('./api.js').Avatar} avatar */
async function removeFace(avatar) {
  if (!(await deleteDialog.ask(avatar))) return;
  try {
    await deleteAvatar(avatar.id);
    avatars.remove(avatar.id);
    pictures.delete(avatar.id);
    controls.say(`Deleted ${avatar.name}.`);
  } catch (error) {
    complain(error);
  }
}

/** Show what went wrong beside a session, which goes on if there is one. @param {unknown} error */
function complain(error) {
  if (!conversation.mode) controls.showState('error', null);
  const sentence = sentenceFor(error);
  controls.say(sentence, true);
  if (isAboutKey(error)) keyForm.ask(sentence);
}

async function loadFaces() {
  for (const avatar of await listAvatars()) avatars.add(avatar);
  avatars.choose(avatars.chosenId);
}

async function loadEngines() {
  showEngines(engine, part(document, '#engines-missing', HTMLElement), await listEngines());
}

async function loadVoices() {
  try {
    typing.showVoices(await listVoices());
  } catch (error) {
    typing.showMissing(sentenceFor(error));
  }
}

/** What the server wants shown, and whether it wants a key, or another than the one that is remembered. */
async function loadSite() {
  const { label, keys } = await getSite();
  stage.showMark(label);
  if (!keys) return;
  if (serverKey()) await keyForm.check();
  else keyForm.ask(KEY_SENTENCE);
}

function wireKey() {
  keyForm.on('accepted', () => {
    controls.say(ACCEPTED_SENTENCE);
    typing.focus();
    loadFaces().catch(complain);
  });
}

function begin() {
  wireButtons();
  wireConversation();
  wireTyping();
  wireListening();
  wireMoods();
  wireSessions();
  wireFaces();
  wireMouth();
  wireKey();
  controls.showState('idle', null);
  controls.showUploading(false);
  controls.say(
    isMicrophoneAllowedHere()
      ? 'Ready.'
      : 'Ready for the sample and files; the microphone needs https or localhost.',
  );
  loadFaces().catch(complain).then(() => sessions.start());
  loadSite().catch(complain);
  loadVoices();
  loadEngines().catch(complain);
  // Also when the page only goes into the back-forward cache: nobody watches it there.
  window.addEventListener('pagehide', () => conversation.stop());
}

begin();
