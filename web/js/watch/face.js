/** `<lipwire-face>`: a talking face, watched. */

import { addressOf } from './address.js';
import { FaceParts, HEARD_ICON, PLAY_ICON, SILENT_ICON } from './face-parts.js';
import { Picture } from './picture.js';
import { Sound } from './sound.js';
import { Viewing } from './viewing.js';

const NO_ADDRESS = 'Set src to the address of a session, as https://HOST/watch/ID#token=….';
const NO_WEBRTC = 'This browser has no WebRTC, which carries the picture.';
const PATIENT_AFTER = 4; // failures in a row, some four seconds
const FAINT_AFTER_MS = 700; // what is there sooner needs no word

/**
 * @typedef {'idle'|'connecting'|'playing'|'lost'|'ended'|'refused'} FaceState `lost` while it comes back by itself;
 *   `ended` once the session is over; `refused` where the server does not let one watch
 */

/**
 * Attributes: `src`, `token`, `poster`, `muted`; all may change at any time. Dispatches `playing`, `lost` (detail:
 * `failures`), `ended`, `refused` (detail: `sentence`, `status`, `code`) and `muted` (detail: `muted`, `held`).
 */
export class LipwireFace extends HTMLElement {
  static observedAttributes = ['src', 'token', 'poster', 'muted'];

  #parts = new FaceParts(this.attachShadow({ mode: 'open' }));
  #sound = new Sound(this.#parts.video);
  #picture = new Picture(this.#parts.video, this.#parts.still, () => this.#onFrame());
  /** @type {?Viewing} */
  #viewing = null;
  /** @type {?AbortController} of the listeners that live as long as the element is in a document */
  #attached = null;
  /** @type {FaceState} */
  #state = 'idle';
  #watched = '';
  #wordTimer = 0;
  #isChanging = false;

  constructor() {
    super();
    const internals = this.attachInternals?.();
    if (internals) {
      internals.role = 'group';
      internals.ariaLabel = 'Talking face';
    }
    const { video, poster, button, frame } = this.#parts;
    this.#sound.on('change', () => this.#showSound());
    video.addEventListener('resize', () => this.#parts.setSize(video.videoWidth, video.videoHeight));
    poster.addEventListener('load', () => {
      if (!video.videoWidth) this.#parts.setSize(poster.naturalWidth, poster.naturalHeight);
    });
    button.addEventListener('click', () => this.#toggleSound());
    this.shadowRoot?.addEventListener('fullscreenchange', () => this.#takeScreen());
    frame.addEventListener('click', ({ target }) => {
      if (target instanceof Node && !button.contains(target)) this.#sound.release();
    });
    this.#showSound();
  }

  connectedCallback() {
    if (this.#attached) return; // it was only moved
    this.#attached = new AbortController();
    const { signal } = this.#attached;
    addEventListener('pagehide', () => this.#leave(), { signal });
    addEventListener('pageshow', ({ persisted }) => persisted && this.#watch(), { signal });
    this.#watch();
  }

  disconnectedCallback() {
    queueMicrotask(() => {
      if (this.isConnected) return;
      this.#attached?.abort();
      this.#attached = null;
      this.#leave();
      this.#picture.clear();
      this.#showIdle();
    });
  }

  /** @param {string} name @param {?string} before @param {?string} now */
  attributeChangedCallback(name, before, now) {
    if (name === 'muted') this.#sound.want(now === null);
    else if (name === 'poster') this.#showPoster(now);
    else if (before !== now) this.#change();
  }

  get state() {
    return this.#state;
  }

  get src() {
    return this.getAttribute('src') ?? '';
  }

  set src(value) {
    this.setAttribute('src', value);
  }

  get token() {
    return this.getAttribute('token') ?? '';
  }

  set token(value) {
    this.setAttribute('token', value);
  }

  get poster() {
    return this.getAttribute('poster') ?? '';
  }

  set poster(value) {
    this.setAttribute('poster', value);
  }

  /** Whether the page wants it silent; the browser may hold the sound back besides. */
  get muted() {
    return this.hasAttribute('muted');
  }

  set muted(isMuted) {
    this.toggleAttribute('muted', isMuted);
  }

  /** `src` and `token` are often set one after the other. */
  #change() {
    if (this.#isChanging) return;
    this.#isChanging = true;
    queueMicrotask(() => {
      this.#isChanging = false;
      if (this.#attached) this.#watch();
    });
  }

  #watch() {
    const address = addressOf(this.getAttribute('src'), this.getAttribute('token'), document.baseURI);
    if (this.#viewing && address?.whep === this.#watched) return this.#viewing.renew(address.token);
    const isAnother = address?.whep !== this.#watched;
    this.#leave();
    if (isAnother) this.#picture.clear();
    this.#watched = address?.whep ?? '';
    if (!address) return this.src ? this.#refuse(NO_ADDRESS) : this.#showIdle();
    if (typeof RTCPeerConnection === 'undefined') return this.#refuse(NO_WEBRTC);
    this.#parts.end('');
    this.#state = 'connecting';
    this.#sayIfLong('Connecting…');
    const viewing = new Viewing(address);
    this.#viewing = viewing;
    viewing.on('mark', (text) => (this.#parts.mark.textContent = text));
    viewing.on('stream', (stream) => {
      this.#picture.show(stream);
      this.#sound.play();
    });
    viewing.on('lost', ({ failures }) => this.#onLost(failures));
    viewing.on('over', (end) => {
      this.#viewing = null;
      if (end.isGone && this.#picture.hasShown) this.#showEnd(end.sentence);
      else this.#refuse(end.sentence, end.status, end.code);
    });
  }

  /** The picture alone was put on the whole screen: there it goes with its mark, or not at all. */
  #takeScreen() {
    if (this.shadowRoot?.fullscreenElement !== this.#parts.video) return;
    this.requestFullscreen().catch(() => document.exitFullscreen());
  }

  /** Let go of the connection; what is seen stays. */
  #leave() {
    this.#picture.keep();
    this.#viewing?.close();
    this.#viewing = null;
    clearTimeout(this.#wordTimer);
  }

  #onFrame() {
    clearTimeout(this.#wordTimer);
    this.#parts.say('');
    this.#parts.button.hidden = false;
    this.#become('playing');
  }

  /** @param {number} failures */
  #onLost(failures) {
    this.#picture.keep();
    const word = this.#picture.hasShown ? 'Reconnecting…' : 'Connecting…';
    if (failures >= PATIENT_AFTER) this.#say('No picture comes through. Still trying…');
    else if (this.#state === 'playing') this.#say(word);
    const isNew = this.#state === 'playing';
    if (isNew) this.#state = 'lost';
    if (isNew || failures > 0) this.#tell('lost', { failures });
  }

  /** @param {string} sentence */
  #showEnd(sentence) {
    this.#stopWith(sentence);
    this.#become('ended');
  }

  /** @param {string} sentence @param {number} [status] @param {?string} [code] */
  #refuse(sentence, status = 0, code = null) {
    this.#stopWith(sentence);
    this.#become('refused', { sentence, status, code });
  }

  /** @param {string} sentence */
  #stopWith(sentence) {
    this.#say('');
    this.#picture.keep();
    this.#parts.end(sentence);
    this.#parts.button.hidden = true;
  }

  #showIdle() {
    this.#state = 'idle';
    this.#say('');
    this.#parts.end('');
    this.#parts.button.hidden = true;
  }

  /** @param {string} sentence */
  #say(sentence) {
    clearTimeout(this.#wordTimer);
    this.#parts.say(sentence);
  }

  /** @param {string} sentence */
  #sayIfLong(sentence) {
    clearTimeout(this.#wordTimer);
    this.#wordTimer = setTimeout(() => this.#parts.say(sentence), FAINT_AFTER_MS);
  }

  /** @param {?string} url */
  #showPoster(url) {
    const { poster } = this.#parts;
    poster.hidden = !url;
    if (url) poster.src = url;
    else poster.removeAttribute('src');
  }

  #toggleSound() {
    if (this.#sound.held !== 'nothing') {
      this.muted = false;
      this.#sound.release();
    } else {
      this.muted = !this.muted;
    }
  }

  #showSound() {
    const { held, isMuted } = this.#sound;
    const isHeld = held !== 'nothing';
    if (held === 'all') this.#parts.offer(PLAY_ICON, 'Tap to play', { isHeld, isMuted });
    else if (held === 'sound') this.#parts.offer(SILENT_ICON, 'Tap for sound', { isHeld, isMuted });
    else if (isMuted) this.#parts.offer(SILENT_ICON, 'Hear the face', { isHeld, isMuted });
    else this.#parts.offer(HEARD_ICON, 'Mute the face', { isHeld, isMuted });
    if (held === 'all') this.#parts.button.hidden = false; // there is no frame before it is touched
    this.#tell('muted', { muted: isMuted, held });
  }

  /** @param {FaceState} state @param {object} [detail] */
  #become(state, detail) {
    this.#state = state;
    this.#tell(state, detail);
  }

  /** @param {string} name @param {object} [detail] */
  #tell(name, detail) {
    this.dispatchEvent(new CustomEvent(name, { detail }));
  }
}
