/** The mark on a picture that a machine makes: what it says is the operator's choice, that it says something is not. */

/** What stands there until the server has said otherwise. */
export const USUAL_MARK = 'AI-generated';
/** The header in which an answer over WHEP brings it, percent-encoded. */
const HEADER = 'Lipwire-Label';

/** @param {Headers} headers @returns {string} empty where the answer says none */
export function markOf(headers) {
  try {
    return decodeURIComponent(headers.get(HEADER) ?? '').trim();
  } catch {
    return ''; // no percent-encoding: not from a server of ours
  }
}
