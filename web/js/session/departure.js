/** When to leave a server that is being emptied. */

import { CLIP_SAMPLE_RATE } from './clip.js';

const LIVE_PATIENCE_MS = 3_000; // for a microphone's voice to rest
const MARGIN_MS = 1_500; // before the server ends the session itself

/**
 * Wait for a moment at which little is torn: a microphone's voice rests, a clip pauses, a text has been spoken.
 * @param {import('./run.js').Run} run
 * @param {number} withinMs the server's patience
 */
export async function goodMoment(run, withinMs) {
  const mostMs = Math.max(0, withinMs - Math.min(MARGIN_MS, withinMs / 2));
  if (run.mode === 'live') {
    if (run.isHeard) await silence(run, Math.min(LIVE_PATIENCE_MS, mostMs));
  } else if (run.mode === 'agent') {
    if (run.lines.length > 0) await silence(run, mostMs);
  } else {
    await clipPause(run, mostMs);
  }
}

/** @param {import('./run.js').Run} run @param {number} mostMs @returns {Promise<void>} */
function silence({ session, signal }, mostMs) {
  return new Promise((resolve) => {
    const heard = new AbortController();
    const done = () => {
      heard.abort();
      clearTimeout(timer);
      signal.removeEventListener('abort', done);
      resolve();
    };
    const timer = setTimeout(done, mostMs);
    signal.addEventListener('abort', done);
    session.on('speaking', ({ state }) => state === 'finished' && done(), { signal: heard.signal });
    session.on('failed', done, { signal: heard.signal });
  });
}

/** @param {import('./run.js').Run} run @param {number} mostMs */
async function clipPause(run, mostMs) {
  const { playing } = run;
  if (!playing) return;
  const { clip, at } = playing;
  const pause = clip.nextPause(at, Math.round((mostMs * CLIP_SAMPLE_RATE) / 1000));
  const waitMs = pause === null ? mostMs : ((pause - at) * 1000) / CLIP_SAMPLE_RATE;
  await silence(run, Math.min(waitMs, mostMs)); // or its end, should that come before
}
