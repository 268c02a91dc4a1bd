/** What runs on the page at the moment: nothing, the microphone, a clip, or typed texts; never two at once. */

import { CLIP_SAMPLE_RATE } from './clip.js';
import { Emitter } from '../emitter.js';
import { isAboutKey, isLoss, sentenceFor } from '../errors.js';
import { comeBack } from './comeback.js';
import { goodMoment } from './departure.js';
import { Microphone } from './microphone.js';
import { Run } from './run.js';

const SPEAK = 'Speak: the face follows your voice.';
const LOST = 'The connection to the server was lost. Coming back by itself…';
const MOVES = 'The session moves to another machine and goes on there…';
const LISTENS = 'The face listens. Type what it shall say.';
/** @type {Record<Mode, string>} */
const NEXT = { live: 'Speak again when you like.', clip: 'Play something, or stop.', agent: 'The face listens.' };

/** @param {number} leftS */
function drainingSentence(leftS) {
  return `The server is being restarted: this session ends in ${Math.ceil(leftS)} s at the latest.`;
}

/**
 * @typedef {{avatar: string, engine: string, background?: string}} Choice what a session is started with
 * @typedef {'live'|'clip'|'agent'} Mode the microphone, a clip, or texts that the server speaks
 * @typedef {Choice & {id: string, mode: Mode}} Opened a session as the server knows it
 * @typedef {{state: State, sentence: string, isTrouble: boolean}} Change
 * @typedef {'idle'|'connecting'|'live'|'playing'|'error'} State `live` is an open session that
 *   hears the microphone, or listens until there is something to say; `error` is `idle` with something to read
 */

/**
 * Runs sessions. One that is lost, or has to leave its server, goes on in another by itself: the same avatar, engine and
 * mode, and the microphone stays open. Dispatches `change`, `session` (a Session that begins), `opened` (as the server has
 * it), `level` (the microphone's peak, 0…1), `away` (the session is gone, another is to follow), `closed` (the id of the
 * one that was opened), `unsaid` (texts that no session took), `keyless` (the server wants a key, or another, says this
 * sentence) and `end`.
 * @extends {Emitter<{change: Change, session: import('./session.js').Session, opened: Opened, level: number,
 *   away: undefined, closed: string, unsaid: string, keyless: string, end: undefined}>}
 */
export class Conversation extends Emitter {
  /** @type {State} */
  state = 'idle';
  /** @type {?Run} */
  #run = null;
  /** @type {import('../ui/moods.js').Mood} */
  #mood = 'neutral';
  #sentence = '';

  /** While a session is there, else null. @returns {?Mode} */
  get mode() {
    return this.#run?.mode ?? null;
  }

  /** Speak with the microphone. @param {Choice} choice */
  speak(choice) {
    const run = this.#begin('live', choice, (other) => this.speak(other));
    return this.#guard(run, async () => {
      this.#show('connecting', 'Waiting for the microphone…');
      const microphone = await Microphone.open(run.signal);
      run.sampleRate = microphone.sampleRate;
      await this.#connect(run, 'Connecting…');
      microphone.record(
        (pcm, peak) => {
          if (!run.isAway) run.session.sendAudio(pcm);
          this.tell('level', peak);
        },
        (failure) => this.#fail(run, failure),
      );
      this.#show('live', SPEAK);
    });
  }

  /**
   * Play a clip; within an open clip session of the same choice it goes on in that one.
   * @param {() => Promise<import('./clip.js').Clip>} load
   * @param {Choice} choice
   * @param {string} name what the status line calls it
   */
  play(load, choice, name) {
    const again = (/** @type {Choice} */ other) => this.play(load, other, name);
    const open = this.#run?.isReady && this.#run.suits('clip', choice) ? this.#run : null;
    if (open) open.again = again;
    const run = open ?? this.#begin('clip', choice, again);
    return this.#guard(run, async () => {
      const isFirst = !run.isReady;
      const wasPlaying = this.state === 'playing';
      run.isReady = false;
      run.cut();
      this.#show('connecting', `Reading ${name}…`);
      if (wasPlaying) await run.session.interrupt();
      const clip = await load();
      run.signal.throwIfAborted();
      if (isFirst) await this.#connect(run, 'Connecting…');
      else await run.returning;
      run.signal.throwIfAborted();
      run.isReady = true;
      run.name = name;
      this.#show('playing', `Playing ${name}.`);
      await run.send(clip);
    });
  }

  /**
   * Open a session that listens, unless one is there, so that it speaks at once when it is told to.
   * @param {Choice} choice
   * @returns {Run} the one that is there now
   */
  attend(choice) {
    if (this.#run?.suits('agent', choice)) return this.#run;
    const run = this.#begin('agent', choice, (other) => this.attend(other));
    this.#guard(run, async () => {
      await this.#connect(run, 'Connecting…');
      this.#showTexts(run);
    });
    return run;
  }

  /**
   * Speak a text, behind those that were not spoken yet.
   * @param {string} text
   * @param {string} voice one of the server's; empty for its own choice
   * @param {Choice} choice
   */
  say(text, voice, choice) {
    const run = this.attend(choice);
    run.lines.push({ text, voice, hasBegun: false });
    run.session.say(text, voice);
    if (run.isReady) this.#showTexts(run);
  }

  /** Let the face be in a mood, in this session and those to come. @param {import('../ui/moods.js').Mood} mood */
  feel(mood) {
    this.#mood = mood;
    this.#run?.session.feel(mood);
  }

  /** Let a face that listens attend to somebody. @param {number[]} levels how loud they are, see Session.hear */
  hear(levels) {
    if (this.mode === 'agent') this.#run?.session.hear(levels);
  }

  /** Nobody is listened to any more. */
  hearNoMore() {
    if (this.mode === 'agent') this.#run?.session.hearNoMore();
  }

  /** Drop what has not been spoken yet; the session goes on. */
  async interrupt() {
    const run = this.#run;
    if (!run?.isReady) return;
    run.cut();
    await run.session.interrupt();
    const hasMovedOn = this.#run !== run || !run.isReady || run.sending || run.lines.length > 0;
    if (hasMovedOn) return;
    this.#show('live', `Interrupted. ${NEXT[run.mode]}`);
  }

  /** End whatever runs. */
  stop() {
    this.#end();
    this.#show('idle', 'Ready.');
  }

  /** Go on with another face: what is heard starts again with it. @param {Choice} choice */
  changeFace(choice) {
    if (this.#run?.choice.avatar !== choice.avatar) this.#startAgain(choice);
  }

  /** Go on with a face that is not as it was. @param {Choice} choice */
  renewFace(choice) {
    if (this.#run?.choice.avatar === choice.avatar) this.#startAgain(choice);
  }

  /** @param {Choice} choice */
  #startAgain(choice) {
    const run = this.#run;
    if (!run) return;
    const isWaiting = run.mode === 'clip' && this.state === 'live';
    if (isWaiting) return this.stop();
    this.#end(); // or a clip would go on in the session that is open
    run.again(choice);
  }

  /** @param {Mode} mode @param {Choice} choice @param {(other: Choice) => unknown} again */
  #begin(mode, choice, again) {
    this.#end();
    const run = new Run(mode, choice, again);
    this.#run = run;
    return run;
  }

  /** @param {Run} run @param {string} sentence */
  async #connect(run, sentence) {
    this.#show('connecting', sentence);
    this.#listen(run);
    if (this.#mood !== 'neutral') run.session.feel(this.#mood);
    this.tell('session', run.session);
    run.starting = run.session.start(run.request, run.signal);
    await run.starting;
    run.signal.throwIfAborted();
    run.isReady = run.hasBeenThere = true;
    run.isAway = false;
  }

  /** @param {Run} run */
  #listen(run) {
    const { session, signal } = run; // the signal aborts when another run takes over
    let before = '';
    session.on('failed', (failure) => this.#lose(run, failure), { signal });
    session.on('move', ({ in_s: inS }) => this.#guard(run, () => this.#leave(run, inS * 1000)), { signal });
    session.on('speaking', (speaking) => {
      run.follow(speaking);
      if (speaking.state === 'finished') this.#finish(run);
    }, { signal });
    session.on('started', ({ session: id }) => {
      run.id = id;
      this.tell('opened', { id, mode: run.mode, ...run.choice });
    }, { signal });
    session.on('draining', ({ in_s: leftS }) => this.#show(this.state, drainingSentence(leftS)), { signal });
    session.on('unsteady', () => {
      before = this.#sentence;
      this.#show(this.state, 'The network is unsteady; waiting for it to come back…');
    }, { signal });
    session.on('steady', () => run.isReady && before && this.#show(this.state, before), { signal });
  }

  /** @param {Run} run */
  #finish(run) {
    if (run.mode === 'agent') {
      if (run.isReady) this.#showTexts(run);
      return;
    }
    // Only after the flush is it the clip's end, and not a pause in it.
    if (!run.isFlushed || run.isAway) return;
    run.cut();
    this.#show('live', 'Finished. Play it again, or something else.');
  }

  /** @param {Run} run */
  #showTexts(run) {
    if (run.lines.length > 0) this.#show('playing', 'Speaking.');
    else this.#show('live', LISTENS);
  }

  /**
   * Do what a click asked for; an error ends the run it belongs to, unless that is over anyway.
   * @param {Run} run
   * @param {() => Promise<void>} act
   */
  async #guard(run, act) {
    try {
      await act();
    } catch (error) {
      this.#fail(run, error);
    }
  }

  /** @param {Run} run @param {unknown} failure */
  #lose(run, failure) {
    if (this.#run !== run || run.isAway) return; // what is tried again is said by who tries
    if (!run.hasBeenThere || !isLoss(failure)) return this.#fail(run, failure);
    this.#goOnElsewhere(run, LOST, run.playing);
  }

  /**
   * The server asked to be left: choose the moment.
   * @param {Run} run
   * @param {number} withinMs
   */
  async #leave(run, withinMs) {
    const { session } = run;
    await run.starting.catch(() => {}); // who cannot begin has nothing to go on with
    if (run.isLeaving || run.isAway || !run.hasBeenThere) return;
    run.isLeaving = true;
    await goodMoment(run, withinMs);
    if (this.#run !== run || run.isAway || run.session !== session) return;
    let { playing } = run;
    if (playing) {
      run.isAway = true; // its end is not the clip's
      const cut = await session.interrupt();
      const playedSamples = Math.round(((cut?.played_ms ?? 0) * CLIP_SAMPLE_RATE) / 1000);
      if (cut?.utterance) playing = { ...playing, at: Math.min(playing.clip.length, playing.from + playedSamples) };
    }
    if (this.#run === run) this.#goOnElsewhere(run, MOVES, playing);
  }

  /**
   * Begin another session in the place of the one that was lost or is left, and go on in it.
   * @param {Run} run
   * @param {string} sentence
   * @param {Run['playing']} playing the clip that was being heard
   */
  #goOnElsewhere(run, sentence, playing) {
    run.isAway = true;
    run.isReady = false;
    run.cut();
    this.tell('away');
    run.returning = this.#guard(run, async () => {
      if (run.id) this.tell('closed', run.id);
      run.id = '';
      await comeBack(() => {
        run.renew();
        return this.#connect(run, sentence);
      }, run.signal);
      run.isLeaving = false;
      run.returning = null;
      await this.#resume(run, playing);
    });
  }

  /** @param {Run} run @param {Run['playing']} playing */
  async #resume(run, playing) {
    if (run.mode === 'agent') return this.#showTexts(run);
    if (run.mode === 'live') return this.#show('live', SPEAK);
    if (!playing || playing.at >= playing.clip.length) return this.#show('live', `Back again. ${NEXT.clip}`);
    this.#show('playing', `Playing ${run.name}.`);
    run.send(playing.clip, playing.at); // nobody waits for its end
  }

  /** @param {Run} run @param {unknown} error */
  #fail(run, error) {
    if (this.#run !== run) return;
    const unsaid = run.id ? [] : run.lines.filter(({ hasBegun }) => !hasBegun).map(({ text }) => text);
    this.#end();
    this.#show('error', sentenceFor(error));
    if (unsaid.length > 0) this.tell('unsaid', unsaid.join(' '));
    if (isAboutKey(error)) this.tell('keyless', sentenceFor(error));
  }

  #end() {
    const run = this.#run;
    this.#run = null;
    if (!run) return;
    run.close();
    if (run.id) this.tell('closed', run.id);
    this.tell('end');
  }

  /** @param {State} state @param {string} sentence */
  #show(state, sentence) {
    this.state = state;
    this.#sentence = sentence;
    this.tell('change', { state, sentence, isTrouble: state === 'error' });
  }
}
