"""Offline: a picture and a recording in, a film out, through the same stages as a ``clip`` session."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from pathlib import Path

import av
import soundfile

from app.avatars.avatar import Avatar
from app.avatars.background import TRANSPARENT, Background, background_of
from app.commands.film import film, format_of
from app.faces.matting import Mask
from app.inference.engine import Cutout, Engine, Job, Prepared
from app.inference.features.window import MelSpan, Window
from app.inference.features.windower import Windower
from app.inference.looks import PLAIN, Looks
from app.ingest.slicer import Slicer
from app.media import TalkingFrame
from app.provenance.credentials import CredentialsError
from app.provenance.origin import Origin

BLOCK_S = 0.1
MAX_BATCH = 16  # pictures at once, so that progress shows


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
    for frame, _ in cut_out_frames(engine, avatar, audio, looks):
        yield frame


def cut_out_frames(
    engine: Engine, avatar: Avatar, audio: Path, looks: Looks = PLAIN
) -> Iterator[tuple[TalkingFrame, Mask | None]]:
    """Yield a recording's frames in order, each with which part of it is the person where the avatar is transparent.

    Raises:
        RenderError: when the recording cannot be read, or the engine does not know the person.
    """
    prepared = engine.prepare(avatar)
    windows = read_windows(audio, engine.span)
    while batch := list(islice(windows, min(engine.max_batch, MAX_BATCH))):
        jobs = [_job(prepared, window, looks) for window in batch]
        for job, image in zip(jobs, engine.render(jobs), strict=True):
            yield TalkingFrame.of(job.window.sound, image), _mask_of(job) if avatar.transparent else None


def _job(prepared: Prepared, window: Window, looks: Looks) -> Job:
    slot = window.sound.pts
    return Job(prepared, window, slot, looks.at(slot))


def _mask_of(job: Job) -> Mask:
    mask = job.prepared.matte(job) if isinstance(job.prepared, Cutout) else None
    if mask is None:
        raise RenderError("This engine cannot leave the background out; choose another, or another background.")
    return mask


def background_named(text: str) -> Background:
    """Read a background as the command takes it: ``transparent``, a word or colour, or the path of a picture.

    Raises:
        PictureError: ``bad_background``.
        OSError: when the picture cannot be read.
    """
    if text == TRANSPARENT.kind:
        return TRANSPARENT
    path = Path(text)
    return Background("picture", picture=path.read_bytes()) if path.is_file() else background_of(text)


def render_file(
    engine: Engine,
    avatar: Avatar,
    audio: Path,
    out: Path,
    origin: Origin,
    progress: Callable[[int], None] = lambda frames: None,
    looks: Looks = PLAIN,
) -> int:
    """Write a film that says where it comes from; returns its number of frames. See :func:`format_of` for its formats.

    ``progress`` is told of each; the face ``looks`` so.

    Raises:
        RenderError: when the recording cannot be read, is empty, or the file cannot be written.
    """
    format = format_of(out, avatar.transparent)
    if format is None:
        raise RenderError(f"{out.name} cannot be transparent: name it .webm or .mov.")
    count = 0
    try:
        with film(out, format, avatar.width, avatar.height, origin.tags) as writing:
            for frame, mask in cut_out_frames(engine, avatar, audio, looks):
                writing.add(frame, mask)
                count += 1
                progress(1)
            if count == 0:
                raise RenderError(f"{audio} holds no sound.")
            writing.finish()
        if format.signed:
            origin.mark(out)
    except (av.FFmpegError, OSError, CredentialsError) as error:
        raise RenderError(f"{out} cannot be written: {error}") from error
    return count
