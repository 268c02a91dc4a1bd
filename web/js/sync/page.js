/** Wires the self-test page: one session with the clapper, measured for some seconds. */

import { sentenceFor } from '../errors.js';
import { Session } from '../session/session.js';
import { BEEP_RATE, Beeper, PERIOD_MS } from './beeper.js';
import { drawChart } from './chart.js';
import { SyncMeter } from './meter.js';
import { SyncRecord } from './record.js';
import { verdictOf } from './verdict.js';

const COUNTERS_PERIOD_MS = 500;
const $ = (id) => document.getElementById(id);

// ?seconds=60&mode=clip&engine=clapper&ppm=200&auto measures differently, for benches
const query = new URLSearchParams(location.search);
const seconds = Number(query.get('seconds')) || 20;
const mode = query.get('mode') === 'clip' ? 'clip' : 'live';
const engine = query.get('engine') ?? 'clapper';

let test = null; // {abort, record}

async function run() {
  const abort = new AbortController();
  const record = new SyncRecord();
  test = { abort, record };
  show('running', 'Connecting…');
  const session = new Session();
  const meter = new SyncMeter($('video'));
  const beeper = new Beeper(session, mode, Number(query.get('ppm')) || 0);
  abort.signal.addEventListener('abort', () => {
    meter.stop();
    beeper.stop();
    session.close();
  });
  session.addEventListener('failed', ({ detail }) => finish(record, detail));
  session.addEventListener('stream', ({ detail: stream }) => listen(stream, meter, beeper, record));
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

function listen(stream, meter, beeper, record) {
  const video = $('video');
  video.srcObject = stream;
  video.play().catch(() => {});
  video.requestVideoFrameCallback((ms) => record.noteFirstFrame(ms));
  const redraw = (isPair) => isPair && drawChart($('chart'), record.pairs, seconds);
  meter.addEventListener('flash', ({ detail: ms }) => redraw(record.noteFlash(ms)));
  meter.addEventListener('beep', ({ detail: ms }) => {
    const delayMs = mode === 'live' ? ms - beeper.capturedMs(beeper.beepBefore(ms)) : null;
    redraw(record.noteBeep(ms, delayMs));
  });
  meter.start(stream);
}

async function count(session, record) {
  const inbound = await session.inboundAudio();
  if (inbound) record.noteCounters(inbound, performance.now());
}

function finish(record, error = null) {
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
  $('result').textContent = JSON.stringify(result, null, 1);
  $('report').hidden = false;
  const verdict = verdictOf(summary);
  show(verdict.isGood ? 'good' : 'bad', verdict.sentence);
}

function show(state, sentence) {
  document.body.dataset.state = state;
  $('status').textContent = sentence;
  $('start').disabled = state === 'running';
}

$('start').addEventListener('click', run);
$('copy').addEventListener('click', async () => {
  await navigator.clipboard.writeText($('result').textContent);
  $('copy').textContent = 'Copied';
});
addEventListener('pagehide', () => test?.abort.abort());
show('ready', 'Turn the sound on; the test takes 20 seconds.');
if (query.has('auto')) run();
