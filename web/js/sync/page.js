/** Wires the self-test page: one session with the clapper, measured for some seconds. */

import { sentenceFor } from '../errors.js';
import { Session } from '../session/session.js';
import { part } from '../ui/part.js';
import { BEEP_RATE, Beeper, PERIOD_MS } from './beeper.js';
import { drawChart } from './chart.js';
import { SyncMeter } from './meter.js';
import { SyncRecord } from './record.js';
import { verdictOf } from './verdict.js';

const COUNTERS_PERIOD_MS = 500;
const video = part(document, '#video', HTMLVideoElement);
const chart = part(document, '#chart', SVGElement);
const startButton = part(document, '#start', HTMLButtonElement);
const copyButton = part(document, '#copy', HTMLButtonElement);
const status = part(document, '#status', HTMLElement);
const report = part(document, '#report', HTMLElement);
const figures = part(document, '#result', HTMLElement);

// ?seconds=60&mode=clip&engine=clapper&ppm=200&auto measures differently, for benches
const query = new URLSearchParams(location.search);
const seconds = Number(query.get('seconds')) || 20;
const mode = query.get('mode') === 'clip' ? 'clip' : 'live';
const engine = query.get('engine') ?? 'clapper';

/** @type {?{abort: AbortController, record: SyncRecord}} */
let test = null;

async function run() {
  const abort = new AbortController();
  const record = new SyncRecord();
  test = { abort, record };
  show('running', 'Connecting…');
  const session = new Session();
  const meter = new SyncMeter(video);
  const beeper = new Beeper(session, mode, Number(query.get('ppm')) || 0);
  abort.signal.addEventListener('abort', () => {
    meter.stop();
    beeper.stop();
    session.close();
  });
  session.on('failed', (failure) => finish(record, failure));
  session.on('stream', (stream) => listen(stream, meter, beeper, record));
  try {
    await session.start({ engine, mode, sample_rate: BEEP_RATE, avatar: 'default' }, abort.signal);
    beeper.start();
    show('running', `Measuring for ${seconds} s: the picture flashes with every beep.`);
    const counters = setInterval(() => count(session, record), COUNTERS_PERIOD_MS);
    abort.signal.addEventListener('abort', () => clearInterval(counters));
    setTimeout(() => finish(record), seconds * 1000);
  } catch (error) {
    finish(record, error);
  }
}

/** @param {MediaStream} stream @param {SyncMeter} meter @param {Beeper} beeper @param {SyncRecord} record */
function listen(stream, meter, beeper, record) {
  video.srcObject = stream;
  video.play().catch(() => {});
  video.requestVideoFrameCallback((ms) => record.noteFirstFrame(ms));
  const redraw = (/** @type {boolean} */ isPair) => {
    // what is still on its way when the measuring ends is in no figure, so it is in no chart either
    if (isPair && test?.record === record) drawChart(chart, record.pairs, seconds);
  };
  meter.on('flash', (ms) => redraw(record.noteFlash(ms)));
  meter.on('beep', (ms) => {
    const delayMs = mode === 'live' ? ms - beeper.capturedMs(beeper.beepBefore(ms)) : null;
    redraw(record.noteBeep(ms, delayMs));
  });
  meter.start(stream);
}

/** @param {Session} session @param {SyncRecord} record */
async function count(session, record) {
  const inbound = await session.inboundAudio();
  if (inbound) record.noteCounters(inbound, performance.now());
}

/** @param {SyncRecord} record @param {unknown} [error] that ended it early */
function finish(record, error) {
  if (test?.record !== record) return;
  test.abort.abort();
  test = null;
  if (error) {
    show('error', sentenceFor(error));
    return;
  }
  const summary = record.summary();
  const result = {
    ...summary, mode, engine, seconds, period_ms: PERIOD_MS, browser: navigator.userAgent, pairs_all: record.pairs,
  };
  figures.textContent = JSON.stringify(result, null, 1);
  report.hidden = false;
  const verdict = verdictOf(summary);
  show(verdict.isGood ? 'good' : 'bad', verdict.sentence);
}

/** @param {'ready'|'running'|'good'|'bad'|'error'} state @param {string} sentence */
function show(state, sentence) {
  document.body.dataset.state = state;
  status.textContent = sentence;
  startButton.disabled = state === 'running';
}

startButton.addEventListener('click', run);
copyButton.addEventListener('click', async () => {
  await navigator.clipboard.writeText(figures.textContent);
  copyButton.textContent = 'Copied';
});
addEventListener('pagehide', () => test?.abort.abort());
show('ready', 'Turn the sound on; the test takes 20 seconds.');
if (query.has('auto')) run();
