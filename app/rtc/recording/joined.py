"""One recording of several: pieces of a session that was recorded in more than one place, none of them coded again."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType
from typing import Any

import av
from av.bitstream import BitStreamFilterContext

from app.media import PACKET_MS, SAMPLES_PER_PACKET, SLOT_MS, VIDEO_TICKS_PER_FRAME
from app.rtc.recording.mp4_file import Mp4File, Sample
from app.rtc.subscription import Encoded

BATCH = 250  # packets in memory


@dataclass(frozen=True, slots=True)
class Piece:
    """A file of :class:`Mp4File`, or what is in it ``from_ms`` and before ``until_ms`` (None: to its end), which is to
    begin with a key frame; and where that begins, from the first one's beginning.
    """

    path: Path
    begins_ms: int
    from_ms: int = 0
    until_ms: int | None = None


def join(pieces: Sequence[Piece], to: Path, tags: Mapping[str, str] = MappingProxyType({})) -> int:
    """Write a file of them all, in their order; returns its length in milliseconds.

    What nobody recorded between two is a picture that stands, and silence. One that begins before the last has ended
    begins where that ends.

    Raises:
        ValueError: when they cannot be one, as they are pictures of different sizes, or none.
        OSError: when one cannot be read, or the disk takes no more.
    """
    sizes = {_size(piece.path) for piece in pieces}
    if len(sizes) != 1:
        raise ValueError(f"pieces of different sizes: {sorted(sizes)}")
    file = Mp4File(to, *sizes.pop(), tags)
    try:
        for piece in pieces:
            slots = -(-max(piece.begins_ms, file.duration_ms) // SLOT_MS) - piece.from_ms // SLOT_MS
            batch: list[Sample] = []
            for sample in _samples(piece):
                batch.append(_later(sample, slots))
                if len(batch) >= BATCH:
                    file.write(batch)
                    batch = []
            file.write(batch)
        return file.duration_ms
    finally:
        file.close()


def _size(path: Path) -> tuple[int, int]:
    try:
        with av.open(str(path)) as container:
            if not (container.streams.video and container.streams.audio):
                raise ValueError(f"{path.name} has not both, pictures and a voice")
            coded = container.streams.video[0].codec_context
            return coded.width, coded.height
    except av.InvalidDataError as error:
        raise ValueError(f"{path.name} cannot be read: {error}") from error


def _samples(piece: Piece) -> Iterator[Sample]:
    """Read the packets of a piece, each stream's in order, at the times at which they were sent."""
    with av.open(str(piece.path)) as container:
        pictures: Any = container.streams.video[0]
        in_band = BitStreamFilterContext("h264_mp4toannexb", pictures)  # parameter sets differ from coder to coder
        for packet in container.demux():
            if packet.pts is None or packet.time_base is None:
                continue  # the end
            # a voice's stamps begin the coder's delay early, or are moved by it: its packets lie 20 ms apart anyway
            at_ms = float(packet.pts * packet.time_base) * 1000
            if packet.stream is pictures:
                slot, key = round(at_ms / SLOT_MS), packet.is_keyframe
                data = b"".join(bytes(part) for part in in_band.filter(packet))
                if _holds(piece, slot * SLOT_MS):
                    yield Sample(True, Encoded(slot * VIDEO_TICKS_PER_FRAME, data, key))
            elif _holds(piece, (number := round(at_ms / PACKET_MS)) * PACKET_MS):
                yield Sample(False, Encoded(number * SAMPLES_PER_PACKET, bytes(packet), True))


def _holds(piece: Piece, at_ms: int) -> bool:
    """Tell whether what its file has at a time is of a piece."""
    return piece.from_ms <= at_ms and (piece.until_ms is None or at_ms < piece.until_ms)


def _later(sample: Sample, slots: int) -> Sample:
    """Move a packet by so many slots."""
    ticks = VIDEO_TICKS_PER_FRAME if sample.is_picture else SAMPLES_PER_PACKET * SLOT_MS // PACKET_MS
    return replace(sample, encoded=replace(sample.encoded, pts=sample.encoded.pts + slots * ticks))
