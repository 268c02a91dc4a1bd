/** Where a face is watched, and by which right. */

/** The path of a page that shows one session. */
export const WATCH_PAGE = /\/watch\/([^/]+)\/?$/;

/** A session's reference that says, sealed, which of many machines it lives on; there it may come to live on another. */
const SEALED = /\/whep\/[^/.]+\.[^/]+$/;

/** @typedef {{whep: string, token: string}} Address */

/** Whether what is watched may come to live on another machine. @param {Address} address */
export function mayMove({ whep }) {
  return SEALED.test(new URL(whep).pathname);
}

/**
 * Read what a page says of a face: the address that WHEP is spoken at, or that of its watch page.
 * @param {?string} src
 * @param {?string} token goes before one in the address, which stands behind `#token=` or `?token=`
 * @param {string} base what a relative address is relative to
 * @returns {?Address} null where it is none
 */
export function addressOf(src, token, base) {
  if (!src) return null;
  const url = URL.parse ? URL.parse(src, base) : parsed(src, base);
  if (!url || !/^https?:$/.test(url.protocol)) return null;
  const inFragment = new URLSearchParams(url.hash.slice(1)).get('token');
  const inQuery = url.searchParams.get('token');
  url.hash = '';
  url.searchParams.delete('token'); // it belongs into a header, where no log keeps it
  url.pathname = url.pathname.replace(WATCH_PAGE, '/whep/$1');
  return { whep: url.href, token: token || inFragment || inQuery || '' };
}

/** @param {string} src @param {string} base */
function parsed(src, base) {
  try {
    return new URL(src, base);
  } catch {
    return null;
  }
}
