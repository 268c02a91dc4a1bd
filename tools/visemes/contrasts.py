"""Where lips must be seen to close or tuck, and where sounds that are taken for a closure must leave them open."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch
from torch import Tensor

from app.inference.engines.portrait.shape import CHANNELS
from app.inference.engines.portrait.viseme_net import MIDDLE_COLUMN
from app.inference.features.mel import COLUMNS_PER_SECOND
from app.media import VIDEO_FPS
from tools.visemes.report import BESIDE_CLOSED, BY_TONGUE
from tools.visemes.targets import SOUNDS
from tools.visemes.train import Corpus

COLUMNS_PER_FRAME = COLUMNS_PER_SECOND / VIDEO_FPS
BESIDE = COLUMNS_PER_FRAME / 2  # of a run: a picture there still shows it, as the report counts
FRAMES = 4  # of a run, at most
WIDE_OPEN = 0.4  # of the widest opening
SOME_COLUMNS = 1  # a run of no more has hardly a picture


@dataclass(frozen=True, slots=True)
class Contrasts:
    """Runs of sounds as (n, 2) columns, from the first to behind the last, and the columns of wide open mouths (n,).

    ``pressed``: of p b m; ``tucked``: of f v; ``parted``: of n t d l, beside no closure and no pause.
    """

    pressed: Tensor
    tucked: Tensor
    parted: Tensor
    wide_open: Tensor

    @classmethod
    def of(cls, corpus: Corpus) -> Contrasts:
        """Find them."""
        sound = corpus.sound.long()
        edges = torch.cat([torch.tensor([0]), (sound.diff() != 0).nonzero().flatten() + 1, torch.tensor([len(sound)])])
        runs, heard = torch.stack([edges[:-1], edges[1:]], dim=1), sound[edges[:-1]]
        quiet = torch.tensor([SOUNDS.index("_")])
        before, after = torch.cat([quiet, heard[:-1]]), torch.cat([heard[1:], quiet])
        beside = _among(before, BESIDE_CLOSED) | _among(after, BESIDE_CLOSED)
        long = runs[:, 1] - runs[:, 0] > SOME_COLUMNS
        return cls(
            _runs_of(sound, "pbmɓ"),
            _runs_of(sound, "fvɱ"),
            runs[_among(heard, BY_TONGUE) & ~beside & long].double(),
            (corpus.mouth[:, CHANNELS.index("opening")] > WIDE_OPEN).nonzero().flatten().double(),
        )


def joined(parts: list[Corpus]) -> Corpus:
    """Lay corpora after one another."""
    lengths = [0, *(len(part.mel) for part in parts)]
    offsets = torch.tensor(lengths).cumsum(0).tolist()
    moved = [replace(part, starts=part.starts + offset) for part, offset in zip(parts, offsets, strict=False)]
    return Corpus(*(torch.cat([getattr(part, name) for part in moved]) for name in ("mel", "mouth", "sound", "starts")))


def moved(contrasts: Contrasts, columns: int) -> Contrasts:
    """Return them as they lie behind so many columns."""
    return Contrasts(
        contrasts.pressed + columns,
        contrasts.tucked + columns,
        contrasts.parted + columns,
        contrasts.wide_open + columns,
    )


def mixed(rows: list[Tensor], shares: tuple[float, ...], count: int, random: torch.Generator) -> Tensor:
    """Draw ``count`` of several rows, of each its share."""
    counts = [int(count * share) for share in shares]
    counts[-1] += count - sum(counts)
    return torch.cat(
        [row[torch.randint(0, len(row), (n,), generator=random)] for row, n in zip(rows, counts, strict=True)]
    )


def frames_of(runs: Tensor, random: torch.Generator) -> tuple[Tensor, Tensor]:
    """Return the middles of the first ``FRAMES`` pictures of each run, (n, FRAMES), as a video may lie to it.

    And which of them are of the run; the others repeat its first.
    """
    first = runs[:, :1] - BESIDE + COLUMNS_PER_FRAME * torch.rand(len(runs), 1, generator=random, dtype=torch.double)
    middles = first + COLUMNS_PER_FRAME * torch.arange(FRAMES)
    inside = middles <= runs[:, 1:] + BESIDE
    inside[:, 0] = True
    return torch.where(inside, middles, first), inside


def anywhere_in(runs: Tensor, random: torch.Generator) -> Tensor:
    """Return a place in each run, (n,)."""
    return runs[:, 0] + (runs[:, 1] - runs[:, 0]) * torch.rand(len(runs), generator=random, dtype=torch.double)


def starts_of(middles: Tensor) -> Tensor:
    """Return where the windows of frames start whose middles are given."""
    return (middles - MIDDLE_COLUMN).floor().long().clamp(min=0)


def _runs_of(sound: Tensor, sounds: str) -> Tensor:
    outside = torch.zeros(1)
    steps = torch.cat([outside, _among(sound, sounds).float(), outside]).diff()
    return torch.stack([(steps > 0).nonzero().flatten(), (steps < 0).nonzero().flatten()], dim=1).double()


def _among(heard: Tensor, sounds: str | set[str]) -> Tensor:
    return torch.isin(heard, torch.tensor([SOUNDS.index(sound) for sound in sounds if sound in SOUNDS]))
