/** ICE candidates as WHEP's `PATCH` carries them, and ICE servers as its `Link` headers name them. */

/**
 * Candidates in the form of RFC 8840, under the section they belong to.
 * @param {string} sdp of the offer, for its ICE name and password
 * @param {{candidate: string, sdpMid: ?string}[]} candidates
 * @param {boolean} areAll whether none will follow
 */
export function fragmentOf(sdp, candidates, areAll) {
  const lines = [lineOf(sdp, 'a=ice-ufrag:'), lineOf(sdp, 'a=ice-pwd:')];
  const sections = sdp.split(/\r?\n(?=m=)/).slice(1);
  for (const section of sections) {
    const mid = lineOf(section, 'a=mid:').slice('a=mid:'.length);
    const own = candidates.filter(({ sdpMid }) => (sdpMid ?? '0') === mid);
    if (own.length === 0 && !(areAll && section === sections[0])) continue;
    lines.push(lineOf(section, 'm='), `a=mid:${mid}`, ...own.map(({ candidate }) => `a=${candidate}`));
    if (areAll) lines.push('a=end-of-candidates');
  }
  return `${lines.join('\r\n')}\r\n`;
}

/**
 * @param {?string} header all `Link` headers, as `fetch` joins them
 * @returns {RTCIceServer[]}
 */
export function iceServersOf(header) {
  const servers = [];
  for (const [, urls, parameters] of (header ?? '').matchAll(/<([^>]*)>((?:\s*;\s*[\w-]+(?:=(?:"(?:\\.|[^"])*"|[^;,\s]*))?)*)/g)) {
    const named = new Map();
    for (const [, name, quoted, plain] of parameters.matchAll(/([\w-]+)=(?:"((?:\\.|[^"])*)"|([^;,\s]*))/g)) {
      named.set(name.toLowerCase(), quoted?.replace(/\\(.)/g, '$1') ?? plain);
    }
    if (named.get('rel') !== 'ice-server') continue;
    const [username, credential] = [named.get('username'), named.get('credential')];
    servers.push(username === undefined ? { urls } : { urls, username, credential });
  }
  return servers;
}

/** @param {string} text @param {string} beginning */
function lineOf(text, beginning) {
  return text.split(/\r?\n/).find((line) => line.startsWith(beginning)) ?? '';
}
