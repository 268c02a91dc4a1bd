/** What the browser remembers for this page: in this tab (`session`), or for good (`local`). */

/** @typedef {'session'|'local'} Span */

/** @param {Span} span @param {string} name @returns {?string} null where there is nothing, or the browser keeps nothing */
export function recall(span, name) {
  try {
    return storageOf(span).getItem(name);
  } catch {
    return null; // private windows and blocked cookies: the very property throws
  }
}

/** @param {Span} span @param {string} name @param {string} value */
export function remember(span, name, value) {
  try {
    storageOf(span).setItem(name, value);
  } catch {
    // it holds until the page is left
  }
}

/** @param {Span} span @param {string} name */
export function forget(span, name) {
  try {
    storageOf(span).removeItem(name);
  } catch {
    // there was nothing
  }
}

/** @param {Span} span */
function storageOf(span) {
  return span === 'session' ? sessionStorage : localStorage;
}
