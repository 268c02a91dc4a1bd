/** How long to wait before another try. */

const FIRST_MS = 250;
const LONGEST_MS = 2_500; // a face is back within three seconds of its server

/**
 * The first try after a loss is made at once; those after it wait longer and longer.
 * @param {number} failures in a row
 * @param {number} chance 0…1: viewers who were lost together must not come back together
 * @param {number} [leastMs] what the server asked for
 * @param {number} [longestMs]
 */
export function waitBefore(failures, chance, leastMs = 0, longestMs = LONGEST_MS) {
  if (failures === 0) return leastMs;
  const waitMs = Math.min(longestMs, FIRST_MS * 2 ** (failures - 1));
  return Math.max(leastMs, waitMs * (0.6 + 0.4 * chance));
}
