/** How long voice and pictures shall wait in the browser, decided from how long they do. */

const QUIET_TOLERANCE_MS = 25; // left alone: on a quiet network the browser meets by itself, and corrects 30 ms and more
const STEERING_TOLERANCE_MS = 8;
const STEP = 0.5; // of what is lacking: pictures follow within a second, and must not swing
const FAR_MS = 60; // pictures that wait this much too long are let go at once
const NEGLIGIBLE_MS = 5;
const LEAK_MS = 3; // a step: a voice held back must not hold itself back for good
const LONGEST_MS = 500;

/**
 * The next pair of waits to ask for. Where the voice waits longer than it leaves early, the pictures are asked to wait
 * too. Where the pictures wait longer (after a network's delay has fallen, Chromium's picture clock takes 150 frames
 * to believe it), the voice is asked to keep what it has.
 *
 * @param {{picturesMs: number, voiceMs: number}} asked what is asked for now
 * @param {{picturesMs: number, voiceMs: number}} real how long each waited lately
 * @param {number} headStartMs what the voice may wait while its picture does not
 * @param {number} usualMs the least to ask of the voice
 * @returns {{picturesMs: number, voiceMs: number}}
 */
export function nextWaits(asked, real, headStartMs, usualMs) {
  let { picturesMs, voiceMs } = asked;
  const lackMs = real.voiceMs - headStartMs - real.picturesMs;
  const enoughForVoiceMs = Math.min(LONGEST_MS, real.picturesMs + headStartMs);
  const isSteering = picturesMs > 0 || voiceMs > usualMs;
  if (lackMs > (isSteering ? STEERING_TOLERANCE_MS : QUIET_TOLERANCE_MS)) {
    voiceMs = usualMs;
    picturesMs += lackMs * STEP;
  } else if (lackMs < -(isSteering ? STEERING_TOLERANCE_MS : QUIET_TOLERANCE_MS)) {
    picturesMs = Math.max(0, picturesMs + lackMs * (lackMs < -FAR_MS ? 1 : STEP));
    if (lackMs < -QUIET_TOLERANCE_MS) voiceMs = Math.max(usualMs, enoughForVoiceMs);
  }
  if (voiceMs > usualMs) voiceMs = Math.max(usualMs, Math.min(voiceMs - LEAK_MS, enoughForVoiceMs));
  if (picturesMs < NEGLIGIBLE_MS) picturesMs = 0;
  return { picturesMs: Math.min(LONGEST_MS, picturesMs), voiceMs };
}
