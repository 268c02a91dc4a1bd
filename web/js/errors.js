/** Sentences for people: what went wrong, and what to do about it. */

/** Something the person at the page has to know; `message` is a whole sentence, ready to be shown. */
export class Failure extends Error {
  /**
   * @param {string} code a key of SENTENCES, or a code the server sent
   * @param {string} [sentence] the server's own words, where it gave any
   */
  constructor(code, sentence) {
    super(sentence || SENTENCES[code] || SENTENCES.unknown);
    this.name = 'Failure';
    this.code = code;
  }
}

/** @type {Record<string, string>} */
const SENTENCES = {
  'microphone-denied':
    'The browser may not use the microphone. Allow it in the site settings beside the address, then start again.',
  'microphone-missing': 'No microphone was found. Connect one, then start again.',
  'microphone-busy':
    'The microphone did not start. Close other programs that use it, then start again.',
  'microphone-lost': 'The microphone was disconnected. Connect it, then start again.',
  'worklet-failed':
    'This browser could not start recording. Reload the page, or try a current Chrome, Edge, Firefox or Safari.',
  'webrtc-missing':
    'This browser has no WebRTC, which carries the picture. Try a current Chrome, Edge, Firefox or Safari.',
  'socket-refused': 'The server does not answer. Check that it is running, then start again.',
  'socket-lost': 'The connection to the server was lost. Check the network, then start again.',
  'sent-round': 'The servers sent this page from one to the other and none took it. Wait a moment, then start again.',
  'bad-address': 'The server named another one that this page may not reach. Tell whoever runs it.',
  'server-slow': 'The server takes too long to answer. Wait a moment, then start again.',
  'ice-failed':
    'The picture cannot get through the network. Start again; if it stays so, a firewall blocks UDP and the server needs a TURN server.',
  'bad-answer': 'The server and this browser could not agree on a video format. Try another browser.',
  'bad-message': 'The server did not understand this page. Reload the page, then start again.',
  'no-avatar': 'That face is no longer on the server. Choose another one, then start again.',
  'no-key': 'This server asks for a key. Type it under “Key”, then start again.',
  'key_missing': 'This server asks for a key. Type it under “Key”, then try again.',
  'key_invalid': 'The server does not know this key: it is mistyped, or was revoked. Type another under “Key”, then try again.',
  'idle': 'The session ended because nothing was said for a while. Start again when you are ready.',
  'too-large': 'That was more sound than the server takes at once. Try a shorter piece.',
  'server_draining': 'The server was restarted, and the session ended with it. Start again in a moment.',
  'server-full': 'The server is full at the moment. Try again in a minute.',
  'server-fault': 'The server had a fault and ended the session. Start again; its log says more.',
  'server-ended': 'The server ended the session. Start again.',
  'file-unreadable':
    'This browser cannot read that file as sound. Choose a WAV, MP3, OGG, FLAC or M4A file.',
  'file-gone': 'That file could not be opened. Check that it is still there, then choose it again.',
  'file-empty': 'That file holds no sound. Choose another one.',
  'file-too-large': 'That file is over 200 MB. Choose a shorter piece.',
  'sample-missing': 'The sample could not be loaded from the server. Play a file of your own instead.',
  'picture-too-large': 'That picture is over 10 MB. Save it smaller, then choose it again.',
  'video-too-large': 'That video is over 100 MB. Cut out a shorter part, then choose it again.',
  'picture-refused': 'The server did not accept that picture. Try another one.',
  'video-refused': 'The server did not accept that video. Try another one.',
  'session-refused': 'The server did not make a session. Try again in a minute.',
  'share-refused': 'The server gave no link for that session. Reload the page, then try again.',
  'http-failed': 'The server did not answer. Check that it is running, then reload the page.',
  'mouth-refused': 'The mouth could not be saved. Try again; if it stays so, reload the page.',
  'delete-failed': 'That face could not be deleted. Reload the page, then try again.',
  'unknown': 'Something went wrong in this page. Reload it, then start again.',
};

/** A connection that was there, and is no more: by a network, or by the end of the server's process. */
const LOSSES = ['socket-lost', 'ice-failed', 'peer_lost'];
/** After such a loss another try may help: what was lost may not be seen as lost yet, or has to be made anew. */
const PASSING = [
  ...LOSSES, 'socket-refused', 'server-slow', 'sent-round', 'session_moving', 'server_full', 'server_busy', 'server-full',
  'server_draining', 'no_media_port', 'too_many_sessions_here', 'quota_sessions',
];

const KEY_CODES = ['key_missing', 'key_invalid', 'no-key'];

/** @type {Record<number, string>} */
const CLOSE_CODES = {
  1000: 'server-ended',
  4400: 'bad-message',
  4401: 'no-key',
  4403: 'no-key',
  4404: 'no-avatar',
  4408: 'idle',
  4413: 'too-large',
  4429: 'server-full',
  4500: 'server-fault',
};

/** @type {Record<string, string>} */
const MICROPHONE_ERRORS = {
  NotAllowedError: 'microphone-denied',
  SecurityError: 'microphone-denied',
  NotFoundError: 'microphone-missing',
  OverconstrainedError: 'microphone-missing',
  NotReadableError: 'microphone-busy',
  AbortError: 'microphone-busy',
};

/** Name what a WebSocket close code means to the person at the page. @param {number} code */
export function failureOfClose(code) {
  return new Failure(CLOSE_CODES[code] ?? 'socket-lost');
}

/** Name what a rejected getUserMedia means. @param {unknown} error */
export function failureOfMicrophone(error) {
  return new Failure(MICROPHONE_ERRORS[error instanceof Error ? error.name : ''] ?? 'microphone-busy');
}

/** Say why the browser hides the microphone from this page, and the two ways to get it. */
export function insecureFailure() {
  const port = location.port ? `:${location.port}` : '';
  return new Failure(
    'insecure',
    'Browsers allow the microphone only on https or localhost. Start the server with --ssl-certfile ' +
      `and --ssl-keyfile, or open http://localhost${port} on the machine it runs on.`,
  );
}

/**
 * Name what the server said went wrong; of a key, and of its own end, its sentence is for programs.
 * @param {string} code
 * @param {string} [sentence]
 */
export function failureOfServer(code, sentence) {
  return new Failure(code, KEY_CODES.includes(code) || code === 'server_draining' ? undefined : sentence);
}

/** Whether a session that was there was lost, not ended for a reason. @param {unknown} error */
export function isLoss(error) {
  return error instanceof Failure && LOSSES.includes(error.code);
}

/** Whether after a loss another try may come further than this one did. @param {unknown} error */
export function isPassing(error) {
  return error instanceof Failure && PASSING.includes(error.code);
}

/** Whether a server's key is missing or wrong. @param {unknown} error */
export function isAboutKey(error) {
  return error instanceof Failure && KEY_CODES.includes(error.code);
}

/**
 * The sentence for any exception; one that nobody foresaw also goes to the console, for its stack.
 * @param {unknown} error
 */
export function sentenceFor(error) {
  if (error instanceof Failure) return error.message;
  console.error(error);
  return SENTENCES.unknown;
}
