/** Wires the page together. */

import { deleteAvatar, isVideo, listAvatars, listEngines, newUploadId, uploadAvatar } from './api.js';
import { Avatars, isBundled } from './avatars.js';
import { fetchClip, readClip } from './clip.js';
import { Controls } from './controls.js';
import { Conversation } from './conversation.js';
import { acceptDrops } from './dropzone.js';
import { showEngines } from './engines.js';
import { sentenceFor } from './errors.js';
import { Figures } from './figures.js';
import { Hearing } from './hearing.js';
import { isMicrophoneAllowedHere } from './microphone.js';
import { MouthEditor } from './mouth-editor.js';
import { watchPreparation } from './preparation.js';
import { Stage } from './stage.js';

const SAMPLE_URL = '/web/assets/sample.wav';
const HEARD_SENTENCE = 'You hear the face now. With headphones, the microphone does not hear it too.';
const SILENT_SENTENCE = 'The face is silent, and follows your voice.';

const element = (id) => document.getElementById(id);
const video = element('video');
const engine = element('engine');
const stage = new Stage(element('stage'));
const hearing = new Hearing(video, element('hear'));
const controls = new Controls();
const avatars = new Avatars(element('avatars'));
const figures = new Figures(element('figures'), video, element('trend'));
const conversation = new Conversation();
const mouthEditor = new MouthEditor(element('mouth-dialog'));

const faceHint = element('face-hint');
const usualFaceHint = faceHint.textContent;

const choice = () => ({ avatar: avatars.chosenId, engine: engine.value });

function wireButtons() {
  controls.onClick('start-mic', () => conversation.speak(choice()));
  controls.onClick('play-sample', () =>
    conversation.play(() => fetchClip(SAMPLE_URL), choice(), 'the sample'),
  );
  controls.onFile('choose-wav', 'wav-file', (file) =>
    conversation.play(() => readClip(file), choice(), file.name),
  );
  controls.onFile('choose-face', 'face-file', addFace);
  controls.onClick('interrupt', () => conversation.interrupt());
  controls.onClick('stop', () => conversation.stop());
  controls.onClick('hear', () => {
    const isHeard = hearing.toggle();
    if (conversation.mode === 'live') controls.say(isHeard ? HEARD_SENTENCE : SILENT_SENTENCE);
  });
}

function wireConversation() {
  const on = (name, act) => conversation.addEventListener(name, ({ detail }) => act(detail));
  on('change', ({ state, sentence, isTrouble }) => {
    hearing.showMode(conversation.mode);
    controls.showState(state, conversation.mode);
    controls.say(sentence, isTrouble);
  });
  on('session', (session) => {
    figures.begin(session);
    session.addEventListener('stream', ({ detail }) =>
      stage.showVideo(detail, (sentence) => controls.say(sentence)),
    );
  });
  on('level', (peak) => stage.showLevel(peak));
  on('end', () => {
    figures.end();
    stage.showNothing();
  });
}

function wireFaces() {
  acceptDrops(element('stage'), addFace);
  avatars.addEventListener('choose', ({ detail }) => {
    stage.showPicture(detail);
    // The status line moves on with the session; what the server said of this picture stays here.
    faceHint.textContent = detail.notice || usualFaceHint;
    controls.showMouth(!isBundled(detail), false);
    conversation.changeFace(choice());
  });
  avatars.addEventListener('delete', ({ detail }) => removeFace(detail));
}

function wireMouth() {
  controls.onClick('adjust-mouth', () => mouthEditor.open(avatars.chosen).catch(complain));
  mouthEditor.addEventListener('save', ({ detail: { avatar, sentence } }) => {
    if (avatar.id !== avatars.chosenId) return;
    controls.showMouth(true, false);
    conversation.renewFace(choice());
    controls.say(sentence);
  });
  mouthEditor.addEventListener('failure', ({ detail }) => complain(detail));
}

async function addFace(file) {
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
    const avatar = await uploadAvatar(file, upload).finally(stopWatching);
    avatars.add(avatar);
    avatars.choose(avatar.id);
    controls.showMouth(!isBundled(avatar), true);
    controls.say(avatar.notice || 'The new face is ready.');
  } catch (error) {
    complain(error);
  }
  controls.showUploading(false);
}

async function removeFace(avatar) {
  try {
    await deleteAvatar(avatar.id);
    avatars.remove(avatar.id);
    controls.say(`Deleted ${avatar.name}.`);
  } catch (error) {
    complain(error);
  }
}

/** Show what went wrong beside a session, which goes on if there is one. */
function complain(error) {
  if (!conversation.mode) controls.showState('error', null);
  controls.say(sentenceFor(error), true);
}

async function loadFaces() {
  for (const avatar of await listAvatars()) avatars.add(avatar);
  avatars.choose(avatars.chosenId);
}

async function loadEngines() {
  showEngines(engine, element('engines-missing'), await listEngines());
}

function begin() {
  wireButtons();
  wireConversation();
  wireFaces();
  wireMouth();
  controls.showState('idle', null);
  controls.showUploading(false);
  controls.say(
    isMicrophoneAllowedHere()
      ? 'Ready.'
      : 'Ready for the sample and files; the microphone needs https or localhost.',
  );
  loadFaces().catch(complain);
  loadEngines().catch(complain);
  // Also when the page only goes into the back-forward cache: nobody watches it there.
  window.addEventListener('pagehide', () => conversation.stop());
}

begin();
