/** What a server's refusal means to the person who wants to watch. */

const OVER = 'This session is over.';
const UNKNOWN = 'There is no such session, or it is over.';
const BAD_TOKEN = 'This link is not valid. Ask for a new one.';
const EXPIRED = 'This link has expired. Ask for a new one.';
const NO_TOKEN = 'This link is not complete: its token is missing. Ask for the whole link.';
const NOT_ALLOWED = 'This link is for something else. Ask for one that lets you watch.';
const NO_FORMAT = 'The server and this browser could not agree on a video format. Try another browser.';
const NOT_WHEP = 'There is nothing to watch at this address.';

const NOT_ITS_NAME = 'The server is not reached under this name. Tell whoever gave you the link.';

/** @type {Record<string, string>} the server's own codes, where one says more than the status */
const OF_CODE = {
  host_not_allowed: NOT_ITS_NAME, session_over: OVER, token_missing: NO_TOKEN, token_expired: EXPIRED,
};
/** @type {Record<number, string>} those that another try does not change */
const OF_STATUS = {
  400: NO_FORMAT, 401: BAD_TOKEN, 403: NOT_ALLOWED, 404: UNKNOWN, 405: NOT_WHEP, 406: NO_FORMAT, 410: OVER,
  415: NOT_WHEP, 422: NO_FORMAT,
};
const GONE = [404, 410];
const GONE_CODE = 'session_over'; // it ended while it was asked for
const MOVING = 'session_moving';
const LONGEST_WAIT_MS = 30_000;

/** The server answered, and does not let one watch. */
export class Refusal extends Error {
  /**
   * @param {number} status
   * @param {?string} code of the problem document
   * @param {number} waitMs that the server asks to let pass before another try
   */
  constructor(status, code, waitMs) {
    super(OF_CODE[code ?? ''] ?? OF_STATUS[status] ?? `The server answered ${status}.`);
    this.name = 'Refusal';
    this.status = status;
    this.code = code;
    this.waitMs = waitMs;
  }

  /** @param {Response} response */
  static async of(response) {
    const problem = await response.json().catch(() => null);
    const waitS = Number(response.headers.get('Retry-After'));
    const waitMs = Number.isFinite(waitS) ? Math.max(0, Math.min(waitS * 1000, LONGEST_WAIT_MS)) : 0;
    return new Refusal(response.status, typeof problem?.code === 'string' ? problem.code : null, waitMs);
  }

  /** Whether the session is on its way to another machine. */
  get isMoving() {
    return this.code === MOVING;
  }

  /** Whether another try would end the same. */
  get isFinal() {
    return this.isGone || this.status in OF_STATUS;
  }

  /** Whether there is nothing to be watched any more. */
  get isGone() {
    return GONE.includes(this.status) || this.code === GONE_CODE;
  }

  /** The sentence for somebody who has watched until now. */
  get atEnd() {
    return this.isGone ? OVER : this.message;
  }
}
