/** The example of `<lipwire-face>`: a session of its own, shown by the two lines that anybody's page would hold. */

import '../../embed.js';
import { isAboutKey, sentenceFor } from '../errors.js';
import { fetchClip } from '../session/clip.js';
import { copy } from '../sessions/copy.js';
import { createSession, endSession } from '../sessions/sessions-api.js';
import { part } from '../ui/part.js';
import { LipwireFace } from '../watch/face.js';
import { speak } from './voice.js';

const SAMPLE_URL = '/web/assets/sample.wav';
const MOST_EVENTS = 50;
const KEY_SENTENCE = 'This server asks for a key. Type it on its main page, then come back in this tab.';
const EVENTS = ['playing', 'lost', 'ended', 'refused', 'muted'];

const face = part(document, '#face', LipwireFace);
const status = part(document, '#status', HTMLElement);
const startButton = part(document, '#start', HTMLButtonElement);
const speakButton = part(document, '#speak', HTMLButtonElement);
const lines = part(document, '#lines', HTMLElement);
const events = part(document, '#events', HTMLElement);
const muted = part(document, '#muted', HTMLInputElement);

/** @type {?import('../sessions/sessions-api.js').Created} */
let made = null;
let leaving = new AbortController();

async function start() {
  startButton.disabled = true;
  say('connecting', 'Making a session…');
  made = await createSession({ avatar: 'default', engine: 'auto' });
  face.src = new URL(new URL(made.view.watch).hash, new URL(`/watch/${made.id}`, location.href)).href; // of this very site
  showLines(made.view.watch);
  say('connecting', 'Connecting…');
}

async function letSpeak() {
  if (!made) return;
  speakButton.disabled = true;
  say('playing', 'A program speaks through the session.');
  await speak(made, await fetchClip(SAMPLE_URL), leaving.signal);
  say('live', 'The face listens.');
  speakButton.disabled = false;
}

function end() {
  leaving.abort();
  leaving = new AbortController();
  if (made) endSession(made.id).catch(() => {}); // else the server ends it by itself
  made = null;
  face.removeAttribute('src');
  startButton.disabled = false;
  speakButton.disabled = true;
  showLines('');
}

/** @param {string} state @param {string} sentence */
function say(state, sentence) {
  document.body.dataset.state = state;
  status.textContent = sentence;
}

/** @param {() => Promise<void>} act */
async function guard(act) {
  try {
    await act();
  } catch (error) {
    end();
    say('error', isAboutKey(error) ? KEY_SENTENCE : sentenceFor(error));
  }
}

/** @param {string} src */
function showLines(src) {
  const script = new URL('/web/embed.js', location.href);
  const watch = src || new URL('/watch/SESSION#token=TOKEN', location.href);
  lines.textContent = `<script type="module" src="${script}"></script>\n<lipwire-face src="${watch}"></lipwire-face>`;
}

/** @param {string} name @param {unknown} detail */
function note(name, detail) {
  const line = document.createElement('li');
  const time = document.createElement('time');
  time.textContent = `${(performance.now() / 1000).toFixed(1)} s`;
  line.append(time, detail ? `${name} ${JSON.stringify(detail)}` : name);
  events.prepend(line);
  while (events.children.length > MOST_EVENTS) events.lastChild?.remove();
}

function begin() {
  showLines('');
  startButton.addEventListener('click', () => guard(start));
  speakButton.addEventListener('click', () => guard(letSpeak));
  part(document, '#copy', HTMLButtonElement).addEventListener('click', async ({ currentTarget }) => {
    const isCopied = await copy(lines.textContent ?? '');
    if (currentTarget instanceof HTMLButtonElement) currentTarget.textContent = isCopied ? 'Copied' : 'Select and copy it';
  });
  muted.addEventListener('change', () => (face.muted = muted.checked));
  part(document, '#round', HTMLInputElement).addEventListener('change', () => face.classList.toggle('is-round'));
  part(document, '#width', HTMLInputElement).addEventListener('input', ({ target }) => {
    if (target instanceof HTMLInputElement) face.style.width = target.value === target.max ? '' : `${target.value}px`;
  });
  for (const name of EVENTS) {
    face.addEventListener(name, (told) => note(name, /** @type {CustomEvent} */ (told).detail));
  }
  face.addEventListener('playing', () => {
    say('live', 'The face listens.');
    speakButton.disabled = false;
  });
  face.addEventListener('muted', () => (muted.checked = face.muted));
  face.addEventListener('ended', () => {
    end();
    say('idle', 'The session is over.');
  });
  window.addEventListener('pagehide', end);
}

begin();
