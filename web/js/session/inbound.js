/** What a peer connection has received. */

/**
 * The browser's counters; null where there is no report yet.
 * @typedef {{audio: ?RTCInboundRtpStreamStats, video: ?RTCInboundRtpStreamStats}} Inbound
 */

/**
 * The inbound-rtp reports of a connection with one voice and one picture.
 * @param {RTCPeerConnection} connection
 * @returns {Promise<Inbound>}
 */
export async function inboundOf(connection) {
  /** @type {Inbound} */
  const found = { audio: null, video: null };
  for (const report of (await connection.getStats()).values()) {
    if (report.type !== 'inbound-rtp') continue;
    if (report.kind === 'audio') found.audio = report;
    else found.video = report;
  }
  return found;
}
