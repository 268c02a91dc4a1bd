/** How long sound or pictures waited in the browser's jitter buffer. */

/**
 * The mean wait of what was played between two reports.
 * @param {?RTCInboundRtpStreamStats} last
 * @param {?RTCInboundRtpStreamStats} now
 * @returns {?number} ms; null where nothing was played, or a report is missing
 */
export function waitBetween(last, now) {
  if (!now || !last) return null;
  const emitted = (now.jitterBufferEmittedCount ?? 0) - (last.jitterBufferEmittedCount ?? 0);
  const waitedS = (now.jitterBufferDelay ?? 0) - (last.jitterBufferDelay ?? 0);
  return emitted > 0 ? (waitedS / emitted) * 1000 : null;
}
