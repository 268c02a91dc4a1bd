/** The figures in words. */

const GOOD_OFFSET_MS = 15;
const GOOD_SPREAD_MS = 35;
const NOTICEABLE_MS = 45; // ITU-R BT.1359: most viewers notice sound this early
const FEW_PAIRS = 5;

/** @param {import('./record.js').Summary} summary @returns {{isGood: boolean, sentence: string}} */
export function verdictOf({ pairs, offset_ms: offset, delay_ms: delay, sound }) {
  const { median, abs_p95: spread } = offset;
  if (pairs < FEW_PAIRS || median === null || spread === null) {
    return {
      isGood: false,
      sentence: 'Too few flashes and beeps arrived to judge. Keep this tab in front, and try again.',
    };
  }
  const isGood = Math.abs(median) <= GOOD_OFFSET_MS && spread <= GOOD_SPREAD_MS;
  const first = median > 0 ? 'the voice comes first' : 'the lips come first';
  const size = `${Math.abs(median)} ms apart (${first}), 95% within ${spread} ms`;
  const late = delay.p50 === null ? '' : ` You hear yourself after ${delay.p50} ms.`;
  const broken = sound && sound.concealed_percent > 1 ? ` ${sound.concealed_percent}% of the sound was lost.` : '';
  if (isGood) return { isGood, sentence: `In step: lips and voice are ${size}.${late}${broken}` };
  const word = Math.abs(median) < NOTICEABLE_MS ? 'Nearly in step' : 'Out of step';
  return { isGood, sentence: `${word}: lips and voice are ${size}.${late}${broken} Please send us the figures below.` };
}
