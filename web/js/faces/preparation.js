/** How far the server is with a video on its way to becoming a face. */

import { videoProgress } from '../api.js';

const PERIOD_MS = 1000;
const STEP_PERCENT = 5; // the status line is read aloud: not every number

/**
 * Ask once a second until told to stop.
 * @param {string} upload its id
 * @param {(percent: number) => void} onProgress called when there is more to tell
 * @returns {() => void} stops it; nothing is told after that
 */
export function watchPreparation(upload, onProgress) {
  let told = -1;
  let isOver = false;
  const ask = async () => {
    const progress = await videoProgress(upload).catch(() => null); // the upload itself says what is wrong
    if (isOver || !progress) return;
    const percent = Math.floor(((progress.done / progress.of) * 100) / STEP_PERCENT) * STEP_PERCENT;
    if (percent !== told) onProgress((told = percent));
  };
  const timer = setInterval(ask, PERIOD_MS);
  return () => {
    isOver = true;
    clearInterval(timer);
  };
}
