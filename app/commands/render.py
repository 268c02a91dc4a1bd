"""Offline: a picture and a recording in, an MP4 out, through the same stages as a ``clip`` session."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
import numpy as np
import soundfile

from app.avatars.avatar import Avatar
from app.inference.engine import Engine, Job, Prepared
from app.inference.features.window import MelSpan, Window
from app.inference.features.windower import Windower
from app.inference.looks import PLAIN, Looks
from app.ingest.slicer import Slicer
from app.media import (
    AUDIO_TIME_BASE,
    SAMPLE_RATE,
    SAMPLES_PER_FRAME,
    VIDEO_FPS,
    TalkingFrame,
)
from app.provenance.credentials import CredentialsError
from app.provenance.origin import Origin

BLOCK_S = 0.1
MAX_BATCH = 16  # pictures at once, so that progress shows
CRF = "18"  # visually lossless


class RenderError(Exception):
    """Something about the input or output; the message says what to do."""


def read_windows(path: Path, span: MelSpan | None) -> Iterator[Window]:
    """Yield a recording's windows, as a session that hears ``span`` makes them.

    Raises:
        RenderError: when the file cannot be read.
    """
    windower = Windower(span)
    try:
        with soundfile.SoundFile(str(path)) as recording:
            slicer = Slicer("pcm_f32le", recording.channels, recording.samplerate)
            for block in recording.blocks(int(recording.samplerate * BLOCK_S), dtype="float32", always_2d=True):
                for sound in slicer.push(block.astype("<f4").tobytes(), 0, 0):
                    yield from windower.push(sound)
    except (soundfile.LibsndfileError, OSError) as error:
        raise RenderError(f"{path} cannot be read as sound ({error}). Use WAV, FLAC, Ogg or MP3.") from error
    for sound in slicer.flush(0, 0):
        yield from windower.push(sound)
    yield from windower.flush()


def talking_frames(engine: Engine, avatar: Avatar, audio: Path, looks: Looks = PLAIN) -> Iterator[TalkingFrame]:
    """Yield a recording's frames in order, picture and sound together; the face ``looks`` so meanwhile.

    Raises:
        RenderError: when the recording cannot be read.
    """
    prepared = engine.prepare(avatar)
    windows = read_windows(audio, engine.span)
    while batch := list(islice(windows, min(engine.max_batch, MAX_BATCH))):
        images = engine.render([_job(prepared, window, looks) for window in batch])
        yield from map(TalkingFrame.of, (window.sound for window in batch), images)


def render_file(
    engine: Engine,
    avatar: Avatar,
    audio: Path,
    out: Path,
    origin: Origin,
    progress: Callable[[int], None] = lambda frames: None,
    looks: Looks = PLAIN,
) -> int:
    """Write an MP4 (H.264 and AAC) that says where it comes from; returns its number of frames.

    ``progress`` is told of each; the face ``looks`` so.

    Raises:
        RenderError: when the recording cannot be read, is empty, or the file cannot be written.
    """
    count = 0
    try:
        with av.open(str(out), "w", format="mp4", options={"movflags": "+faststart"}) as container:
            container.metadata.update(origin.tags)
            video = container.add_stream("libx264", rate=VIDEO_FPS, options={"crf": CRF, "preset": "veryfast"})
            video.width, video.height, video.pix_fmt = avatar.width, avatar.height, "yuv420p"
            sound = container.add_stream("aac", rate=SAMPLE_RATE, layout="mono")
            sound.bit_rate = 128_000
            for frame in talking_frames(engine, avatar, audio, looks):
                container.mux(video.encode(_picture(frame)))
                container.mux(sound.encode(_voice(frame)))
                count += 1
                progress(1)
            if count == 0:
                raise RenderError(f"{audio} holds no sound.")
            container.mux(video.encode())
            container.mux(sound.encode())
        origin.mark(out)
    except (av.FFmpegError, OSError, CredentialsError) as error:
        raise RenderError(f"{out} cannot be written: {error}") from error
    return count


def _job(prepared: Prepared, window: Window, looks: Looks) -> Job:
    slot = window.sound.pts
    return Job(prepared, window, slot, looks.at(slot))


def _picture(frame: TalkingFrame) -> av.VideoFrame:
    picture = av.VideoFrame.from_ndarray(frame.image, format="yuv420p")
    picture.pts, picture.time_base = frame.pts, Fraction(1, VIDEO_FPS)
    return picture


def _voice(frame: TalkingFrame) -> av.AudioFrame:
    planar = np.ascontiguousarray(frame.audio.reshape(1, -1))
    voice = av.AudioFrame.from_ndarray(planar, format="s16", layout="mono")
    voice.sample_rate, voice.time_base = SAMPLE_RATE, AUDIO_TIME_BASE
    voice.pts = frame.pts * SAMPLES_PER_FRAME
    return voice
