"""What happens to a voice on its way: another throat, a whisper, a room, a microphone, noise, a codec."""

from __future__ import annotations

import io
from dataclasses import dataclass, replace
from typing import Any

import av
import numpy as np
import soxr

from app.media import MODEL_RATE
from tools.visemes.speech import Numbers, Segment, Utterance

Random = np.random.Generator


@dataclass(frozen=True, slots=True)
class Background:
    """What may be behind a voice: others' speech, and music, each float32 (n,) at 16 kHz."""

    speech: Numbers
    music: Numbers


def roughened(spoken: Utterance, random: Random, background: Background) -> Utterance:
    """Return the utterance as somebody else's microphone might have heard it."""
    spoken = padded(throat(spoken, random), random)
    wave = spoken.wave
    if random.random() < 0.07:
        wave = whispered(wave, random)
    wave = through_air(wave, random)
    if random.random() < 0.65:
        wave = with_noise(wave, random, background)
    wave = wave / (np.abs(wave).max() + 1e-9) * 10 ** (random.uniform(-30, -1) / 20)
    if random.random() < 0.15:
        wave = np.tanh(wave * random.uniform(1, 6) / (np.abs(wave).max() + 1e-9)) * random.uniform(0.1, 0.9)
    if random.random() < 0.25:
        wave = coded(wave, random)
    return replace(spoken, wave=wave.astype(np.float32))


def throat(spoken: Utterance, random: Random) -> Utterance:
    """Change pitch, formants and pace together, as a smaller or larger speaker's."""
    factor = float(np.exp(random.uniform(np.log(0.84), np.log(1.22))))
    wave = soxr.resample(spoken.wave, MODEL_RATE * factor, MODEL_RATE)
    segments = [replace(s, start_s=s.start_s / factor, end_s=s.end_s / factor) for s in spoken.segments]
    return Utterance(wave.astype(np.float32), segments)


def padded(spoken: Utterance, random: Random) -> Utterance:
    """Put silence before and after, breathed into now and then."""
    before, after = (int(seconds * MODEL_RATE) for seconds in random.uniform(0, 1.2, 2))
    lead, tail = np.zeros(before, np.float32), np.zeros(after, np.float32)
    if random.random() < 0.3 and before > 0.5 * MODEL_RATE:
        lead = _breath(before, random) * np.abs(spoken.wave).max() * 10 ** (random.uniform(-40, -20) / 20)
    shift = before / MODEL_RATE
    end = (before + len(spoken.wave) + after) / MODEL_RATE
    segments = [replace(s, start_s=s.start_s + shift, end_s=s.end_s + shift) for s in spoken.segments]
    first, last = segments[0].start_s, segments[-1].end_s
    segments = [Segment("_", 0.0, first, -90.0), *segments, Segment("_", last, max(end, last), -90.0)]
    return Utterance(np.concatenate([lead, spoken.wave, tail]), segments)


def whispered(wave: Numbers, random: Random) -> Numbers:
    """Keep the spectrum's envelope (by its cepstrum) and put noise in the place of the voice."""
    size, hop = 512, 128
    window = np.hanning(size)
    count = max(1, (len(wave) - size) // hop + 1)
    out = np.zeros(len(wave) + size)
    tilt = np.linspace(-6, 6, size // 2 + 1)  # a whisper lacks the low end
    for at in range(count):
        part = wave[at * hop : at * hop + size]
        part = np.pad(part, (0, size - len(part)))
        cepstrum = np.fft.irfft(np.log(np.abs(np.fft.rfft(part * window)) + 1e-5))
        cepstrum[24:-24] = 0
        envelope = np.exp(np.fft.rfft(cepstrum).real) * 10 ** (tilt / 20)
        noise = np.fft.irfft(envelope * np.exp(2j * np.pi * random.random(size // 2 + 1)))
        out[at * hop : at * hop + size] += noise * window
    return np.asarray(out[: len(wave)], np.float32)


def through_air(wave: Numbers, random: Random) -> Numbers:
    """Colour it by a microphone's response and, now and then, a room and a telephone's narrow band."""
    size = 1 << (len(wave) + MODEL_RATE // 2).bit_length()
    hertz = np.fft.rfftfreq(size, 1 / MODEL_RATE)
    knots = np.array([0, 120, 300, 700, 1500, 3000, 5000, 8000])
    gain_db = np.interp(hertz, knots, np.cumsum(random.normal(0, 2.2, len(knots))))
    if random.random() < 0.12:
        gain_db = gain_db - 40 * ((hertz < 280) | (hertz > 3500))
    elif random.random() < 0.3:
        gain_db = gain_db - np.maximum(0, hertz - random.uniform(3500, 7500)) / 60
    response = 10 ** (gain_db / 20)
    if random.random() < 0.4:
        response = response * np.fft.rfft(_room(random), size)
    return np.asarray(np.fft.irfft(np.fft.rfft(wave, size) * response)[: len(wave)], np.float32)


def with_noise(wave: Numbers, random: Random, background: Background) -> Numbers:
    """Add what is behind a voice, 3 to 45 dB below its speech."""
    if random.random() < 0.2:
        noise = babble_of(len(wave), random, background.speech)
    else:
        noise = noise_of(len(wave), random, background.music)
    level = speech_level(wave) * 10 ** (-random.uniform(3, 45) / 20)
    return np.asarray(wave + noise * level / (np.sqrt(np.mean(np.square(noise))) + 1e-9))


def speech_level(wave: Numbers) -> float:
    """Return the level of what is spoken in a wave, its pauses left out, of the kind of a root mean square."""
    return float(np.sqrt(np.mean(np.square(wave[np.abs(wave) > 0.05 * np.abs(wave).max()])) + 1e-12))


def babble_of(count: int, random: Random, babble: Numbers) -> Numbers:
    """Mix several pieces of others' speech into a murmur: float32 (count,)."""
    starts = random.integers(0, max(1, len(babble) - count), 6)
    return np.asarray(sum(np.resize(babble[start : start + count], count) for start in starts), np.float32)


def noise_of(count: int, random: Random, music: Numbers, kind: str | None = None) -> Numbers:
    """Make a fan or a street (coloured), a mains hum, music without a voice, breath, or clicks: float32 (count,)."""
    kind = kind or random.choice(["coloured", "hum", "music", "breath", "clicks"], p=[0.5, 0.12, 0.23, 0.08, 0.07])
    if kind == "hum":
        return _hum(count, random)
    if kind == "music":
        start = int(random.integers(0, max(1, len(music) - count)))
        return np.resize(music[start : start + count], count)
    if kind == "breath":
        return _breath(count, random)
    if kind == "clicks":
        return np.asarray((random.random(count) < 6 / MODEL_RATE) * random.normal(0, 1, count), np.float32)
    spectrum = np.fft.rfft(random.normal(0, 1, count))
    hertz = np.maximum(np.fft.rfftfreq(count, 1 / MODEL_RATE), 20)
    coloured = np.fft.irfft(spectrum * hertz ** -random.uniform(0, 1.1), count)
    swell = 1 + random.uniform(0, 0.8) * np.sin(2 * np.pi * random.uniform(0.05, 0.7) * np.arange(count) / MODEL_RATE)
    return np.asarray(coloured * swell, np.float32)


def coded(wave: Numbers, random: Random) -> Numbers:
    """Send it through a codec and line it up again."""
    if random.random() < 0.3:
        companded = np.sign(wave) * np.log1p(255 * np.abs(np.clip(wave, -1, 1))) / np.log(256)
        steps = np.round(companded * 127) / 127
        return np.asarray(np.sign(steps) * np.expm1(np.abs(steps) * np.log(256)) / 255, np.float32)
    name, container, rate = ("libopus", "ogg", 48000) if random.random() < 0.6 else ("libmp3lame", "mp3", 16000)
    file = io.BytesIO()
    with av.open(file, "w", format=container) as out:
        stream: Any = out.add_stream(name, rate=rate, layout="mono")
        stream.bit_rate = int(random.choice([10_000, 16_000, 24_000]))
        samples = (np.clip(soxr.resample(wave, MODEL_RATE, rate), -1, 1) * 32767).astype(np.int16)
        frame = av.AudioFrame.from_ndarray(samples[None], format="s16", layout="mono")
        frame.rate = rate
        for packet in [*stream.encode(frame), *stream.encode(None)]:
            out.mux(packet)
    file.seek(0)
    with av.open(file, "r") as back:
        parts = [part.to_ndarray()[0] for part in back.decode(audio=0)]
    heard: Numbers = np.concatenate(parts).astype(np.float32)
    heard = heard / 32768 if np.abs(heard).max() > 2 else heard
    return _lined_up(soxr.resample(heard, rate, MODEL_RATE), wave)


def _lined_up(heard: Numbers, original: Numbers) -> Numbers:
    size = 1 << (max(len(heard), len(original))).bit_length()
    likeness = np.fft.irfft(np.fft.rfft(heard, size) * np.conj(np.fft.rfft(original, size)))
    lag = int(np.argmax(np.concatenate([likeness[-1600:], likeness[:1600]]))) - 1600
    moved = heard[lag:] if lag > 0 else np.pad(heard, (-lag, 0))
    return np.asarray(np.pad(moved, (0, max(0, len(original) - len(moved))))[: len(original)], np.float32)


def _room(random: Random) -> Numbers:
    """Make a room's answer: the direct sound, then an exponential tail of 0.1 to 0.6 s."""
    decay_s = random.uniform(0.1, 0.6)
    times = np.arange(int(0.4 * MODEL_RATE)) / MODEL_RATE
    tail = random.normal(0, 1, len(times)) * 10 ** (-3 * times / decay_s)
    tail[: int(0.004 * MODEL_RATE)] = 0
    tail *= 10 ** (-random.uniform(0, 14) / 20) / (np.sqrt(np.sum(np.square(tail))) + 1e-9)
    tail[0] = 1
    return np.asarray(tail, np.float32)


def _hum(count: int, random: Random) -> Numbers:
    times = np.arange(count) / MODEL_RATE
    base = random.choice([50.0, 60.0, random.uniform(80, 300)])
    tones = [np.sin(2 * np.pi * base * n * times + random.uniform(0, 6)) * random.random() / n for n in range(1, 9)]
    return np.asarray(sum(tones), np.float32)


def _breath(count: int, random: Random) -> Numbers:
    """Breathe in and out: noise shaped by an open throat, in swells of half a second."""
    noise = np.fft.rfft(random.normal(0, 1, count))
    hertz = np.fft.rfftfreq(count, 1 / MODEL_RATE)
    shape = sum(np.exp(-(((hertz - f) / (0.35 * f)) ** 2)) for f in random.uniform(600, 4500, 3)) + 0.03
    swell = np.maximum(0, np.sin(2 * np.pi * random.uniform(0.4, 1.0) * np.arange(count) / MODEL_RATE)) ** 2
    breath = np.fft.irfft(noise * shape, count) * swell
    return np.asarray(breath / (np.abs(breath).max() + 1e-9), np.float32)
