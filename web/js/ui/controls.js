/** The buttons and the status line: what can be done now, and what is happening. */

const BUTTONS = [
  'start-mic', 'play-sample', 'choose-wav', 'choose-face', 'adjust-mouth', 'hear', 'interrupt', 'stop',
];

/** Keeps the buttons in agreement with the conversation's state. */
export class Controls {
  #status = document.getElementById('status');
  #buttons = new Map(BUTTONS.map((id) => [id, document.getElementById(id)]));

  /**
   * @param {string} id one of the buttons
   * @param {() => void} act
   */
  onClick(id, act) {
    this.#buttons.get(id).addEventListener('click', act);
  }

  /** A button that opens the file dialog of a hidden input. */
  onFile(id, inputId, act) {
    const input = document.getElementById(inputId);
    this.onClick(id, () => input.click());
    input.addEventListener('change', () => {
      const [file] = input.files;
      if (file) act(file);
      input.value = ''; // so that choosing the same file again is a change, too
    });
  }

  /**
   * @param {import('../session/conversation.js').State} state
   * @param {?string} mode 'live', 'clip' or null
   */
  showState(state, mode) {
    const isOpen = state === 'live' || state === 'playing';
    const isConnecting = state === 'connecting';
    const isListening = state === 'live' && mode === 'live';
    const focused = document.activeElement;
    this.#enable('start-mic', !isConnecting && !isListening);
    this.#enable('play-sample', !isConnecting);
    this.#enable('choose-wav', !isConnecting);
    this.#enable('interrupt', isListening || state === 'playing');
    this.#enable('stop', isOpen || isConnecting);
    this.#keepFocus(focused, isOpen || isConnecting ? 'stop' : 'start-mic');
    document.body.dataset.state = state;
    document.body.dataset.mode = mode ?? '';
  }

  /** @param {string} sentence */
  say(sentence, isTrouble = false) {
    this.#status.textContent = sentence;
    this.#status.parentElement.classList.toggle('is-trouble', isTrouble);
  }

  /** A picture is under way to the server: no second one meanwhile. */
  showUploading(isUploading) {
    this.#enable('choose-face', !isUploading);
  }

  /** @param {boolean} isPossible the chosen face's mouth can be adjusted @param {boolean} isNew so it is hinted at */
  showMouth(isPossible, isNew) {
    this.#buttons.get('adjust-mouth').hidden = !isPossible;
    document.getElementById('mouth-hint').hidden = !isNew;
  }

  #enable(id, isEnabled) {
    this.#buttons.get(id).disabled = !isEnabled;
  }

  /** A button that is disabled or gone swallows the keyboard; move on to the one that is wanted next. */
  #keepFocus(focused, nextId) {
    const isStranded = (focused?.disabled || focused?.hidden) && BUTTONS.includes(focused.id);
    if (isStranded) this.#buttons.get(nextId).focus({ preventScroll: true });
  }
}
