/** The buttons and the status line: what can be done now, and what is happening. */

import { part } from './part.js';

const BUTTONS = /** @type {const} */ ([
  'start-mic', 'play-sample', 'choose-wav', 'choose-face', 'frame-face', 'adjust-mouth', 'hear', 'listen', 'interrupt', 'stop', 'new-session',
]);

/** @typedef {typeof BUTTONS[number]} ButtonId */

/** Keeps the buttons in agreement with the conversation's state. */
export class Controls {
  #status = part(document, '#status', HTMLElement);
  #statusLine = part(document, '.status-line:has(> #status)', HTMLElement);
  #mouthHint = part(document, '#mouth-hint', HTMLElement);
  #buttons = buttons();

  /**
   * @param {ButtonId} id
   * @param {() => void} act
   */
  onClick(id, act) {
    this.#buttons[id].addEventListener('click', act);
  }

  /**
   * A button that opens the file dialog of a hidden input.
   * @param {ButtonId} id
   * @param {string} inputId
   * @param {(file: File) => void} act
   */
  onFile(id, inputId, act) {
    const input = part(document, `#${inputId}`, HTMLInputElement);
    this.onClick(id, () => input.click());
    input.addEventListener('change', () => {
      const file = input.files?.[0];
      if (file) act(file);
      input.value = ''; // so that choosing the same file again is a change, too
    });
  }

  /**
   * @param {import('../session/conversation.js').State} state
   * @param {?import('../session/conversation.js').Mode} mode
   */
  showState(state, mode) {
    const isOpen = state === 'live' || state === 'playing';
    const isConnecting = state === 'connecting';
    const isListening = state === 'live' && mode === 'live';
    const focused = document.activeElement;
    this.#enable('start-mic', !isConnecting && !isListening);
    this.#enable('play-sample', !isConnecting);
    this.#enable('choose-wav', !isConnecting);
    this.#enable('listen', !isConnecting || mode === 'agent');
    this.#enable('interrupt', isListening || state === 'playing');
    this.#enable('stop', isOpen || isConnecting);
    this.#keepFocus(focused, isOpen || isConnecting ? 'stop' : 'start-mic');
    document.body.dataset.state = state;
    document.body.dataset.mode = mode ?? '';
  }

  /** @param {string} sentence */
  say(sentence, isTrouble = false) {
    this.#status.textContent = sentence;
    this.#statusLine.classList.toggle('is-trouble', isTrouble);
  }

  /** @param {boolean} isListening the face listens to who sits at the page */
  showListening(isListening) {
    this.#buttons.listen.setAttribute('aria-pressed', String(isListening));
  }

  /** A picture is under way to the server: no second one meanwhile. @param {boolean} isUploading */
  showUploading(isUploading) {
    this.#enable('choose-face', !isUploading);
  }

  /** @param {boolean} isPossible the chosen face's mouth can be adjusted @param {boolean} isNew so it is hinted at */
  showMouth(isPossible, isNew) {
    this.#buttons['adjust-mouth'].hidden = !isPossible;
    this.#mouthHint.hidden = !isNew;
  }

  /** @param {boolean} isPossible the chosen face's picture is at hand, to be framed */
  showFraming(isPossible) {
    this.#buttons['frame-face'].hidden = !isPossible;
  }

  /** @param {ButtonId} id @param {boolean} isEnabled */
  #enable(id, isEnabled) {
    this.#buttons[id].disabled = !isEnabled;
  }

  /**
   * A button that is disabled or gone swallows the keyboard; move on to the one that is wanted next.
   * @param {?Element} focused
   * @param {ButtonId} nextId
   */
  #keepFocus(focused, nextId) {
    const button = Object.values(this.#buttons).find((one) => one === focused);
    if (button?.disabled || button?.hidden) this.#buttons[nextId].focus({ preventScroll: true });
  }
}

/** @returns {Record<ButtonId, HTMLButtonElement>} */
function buttons() {
  const found = BUTTONS.map((id) => [id, part(document, `#${id}`, HTMLButtonElement)]);
  return Object.fromEntries(found);
}
