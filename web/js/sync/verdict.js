/** The figures in words. */

const GOOD_OFFSET_MS = 15;
const GOOD_SPREAD_MS = 35;
const NOTICEABLE_MS = 45; // ITU-R BT.1359: most viewers notice sound this early
const FEW_PAIRS = 5;

/** @param {object} summary of a SyncRecord @returns {{isGood: boolean, sentence: string}} */
export function verdictOf({ pairs, offset_ms: offset, delay_ms: delay, sound }) {
  if (pairs < FEW_PAIRS) {
    return {
      isGood: false,
      sentence: 'Too few flashes and beeps arrived to judge. Keep this tab in front, and try again.',
    };
  }
  const isGood = Math.abs(offset.median) <= GOOD_OFFSET_MS && offset.abs_p95 <= GOOD_SPREAD_MS;
  const first = offset.median > 0 ? 'the voice comes first' : 'the lips come first';
  const size = `${Math.abs(offset.median)} ms apart (${first}), 95% within ${offset.abs_p95} ms`;
  const late = delay.p50 === null ? '' : ` You hear yourself after ${delay.p50} ms.`;
  const broken = sound && sound.concealed_percent > 1 ? ` ${sound.concealed_percent}% of the sound was lost.` : '';
  if (isGood) return { isGood, sentence: `In step: lips and voice are ${size}.${late}${broken}` };
  const word = Math.abs(offset.median) < NOTICEABLE_MS ? 'Nearly in step' : 'Out of step';
  return { isGood, sentence: `${word}: lips and voice are ${size}.${late}${broken} Please send us the figures below.` };
}
