"""``python -m tools.visemes.train --corpus FOLDER --out FILE``: teach a network, judge it by voices it never heard."""

from __future__ import annotations

import argparse
import json
import time
from dataclasses import astuple, dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional

from app.inference.engines.portrait.shape import CHANNELS, MouthChannels
from app.inference.engines.portrait.viseme_net import AHEAD_COLUMNS, COLUMNS, MIDDLE_COLUMN, SPREAD_CHANNEL
from app.inference.features.mel import SILENT_COLUMN
from tools.visemes.corpus import read_shard
from tools.visemes.network import CLASS_OF_SOUND, VisemeNetwork
from tools.visemes.report import judge
from tools.visemes.targets import sounds_at, trajectory

BATCH = 1024
THROATS = 16  # in a batch
RATE = 1.5e-3
WEIGHTS = MouthChannels(opening=4.0, jaw=1.5, wide=1.0, rounding=1.5, closed=1.0, tuck=1.0, teeth=0.7, tongue=0.5)
BY_LIKELIHOOD = [CHANNELS.index("closed"), CHANNELS.index("tuck")]
CLASS_WEIGHT = 0.15
RARE = 2.0  # how much more a missed closure or tuck counts than a false one


@dataclass(frozen=True, slots=True)
class Corpus:
    """Everything in one row: mel (columns, 80), mouth (columns, 8), class (columns,), and where a window may start."""

    mel: Tensor
    mouth: Tensor
    sound: Tensor
    starts: Tensor

    @classmethod
    def read(cls, files: list[Path]) -> Corpus:
        """Read shards, each utterance with silence around it."""
        before, after = COLUMNS - AHEAD_COLUMNS, AHEAD_COLUMNS + 1
        mels, mouths, sounds, starts, at = [], [], [], [], 0
        for file in files:
            for mel, segments in read_shard(file):
                mels += [np.full((before, 80), SILENT_COLUMN, np.float16), mel]
                mels.append(np.full((after, 80), SILENT_COLUMN, np.float16))
                mouth = trajectory(segments, len(mel)).astype(np.float16)
                mouths += [np.zeros((before, 8), np.float16), mouth, np.zeros((after, 8), np.float16)]
                sounds += [np.zeros(before, np.int16), sounds_at(segments, len(mel)), np.zeros(after, np.int16)]
                starts.append(at + np.arange(len(mel)))
                at += before + len(mel) + after
        classes = np.array(CLASS_OF_SOUND)[np.concatenate(sounds)]
        return cls(
            torch.from_numpy(np.concatenate(mels)),
            torch.from_numpy(np.concatenate(mouths)),
            torch.from_numpy(classes),
            torch.from_numpy(np.concatenate(starts)),
        )

    def batch(self, starts: Tensor, random: torch.Generator) -> tuple[Tensor, Tensor, Tensor]:
        """Return windows (batch, ``COLUMNS``, 80), the mouths in their frames' middles, and the sounds' classes."""
        mel = self.mel[starts[:, None] + torch.arange(COLUMNS)].float()
        middle = starts + MIDDLE_COLUMN + 0.2 * torch.randint(0, 5, starts.shape, generator=random)
        low = middle.floor().long()
        share = (middle - low)[:, None]
        mouth = self.mouth[low].float() * (1 - share) + self.mouth[low + 1].float() * share
        return mel, mouth, self.sound[middle.round().long()]


def roughened(mel: Tensor, random: torch.Generator) -> Tensor:
    """Vary each window's colour, loudness and throat (``THROATS`` a batch), and take a band out now and then."""
    count, columns, bands = mel.shape
    bend = 0.10 * (2 * torch.rand(THROATS, 1, generator=random) - 1)
    at = (torch.arange(bands) * (1 + bend)).clamp(0, bands - 1)
    stretch = (1 - (at[:, None, :] - torch.arange(bands)[:, None]).abs()).clamp(min=0)  # (throats, from, to)
    mel = (mel.reshape(THROATS, -1, bands) @ stretch).reshape(count, columns, bands)
    knots = torch.randn(count, 1, 7, generator=random).cumsum(2) * 0.18
    colour = functional.interpolate(knots, bands, mode="linear", align_corners=True)
    gain = torch.randn(count, 1, 1, generator=random) * 0.4
    mel = torch.where(mel > SILENT_COLUMN + 0.01, mel + colour + gain, mel).clamp(-4, 4)
    width = torch.randint(0, 9, (count, 1, 1), generator=random)
    first = torch.randint(0, bands - 9, (count, 1, 1), generator=random)
    place = torch.arange(bands)
    masked = (place >= first) & (place < first + width) & (torch.rand(count, 1, 1, generator=random) < 0.3)
    return torch.where(masked, mel.mean(dim=2, keepdim=True), mel)


def loss_of(raw: Tensor, logits: Tensor, mouth: Tensor, sound: Tensor) -> Tensor:
    """Weigh squares for shapes, likelihood for what is there or not, and the class of the sound."""
    squares = (VisemeNetwork.squashed(raw) - mouth).square()
    likelihood = functional.binary_cross_entropy_with_logits(
        raw, mouth.clamp(0, 1), reduction="none", pos_weight=torch.tensor(RARE)
    )
    each = squares.clone()
    each[:, BY_LIKELIHOOD] = 0.4 * likelihood[:, BY_LIKELIHOOD]
    weighted = (each * torch.tensor(astuple(WEIGHTS))).sum(dim=1).mean()
    return weighted + CLASS_WEIGHT * functional.cross_entropy(logits, sound)


def main() -> None:
    """Train, writing a checkpoint every thousand steps; a run that broke off goes on from it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=9000)
    parser.add_argument("--seed", type=int, default=1)
    wanted = parser.parse_args()
    assert SPREAD_CHANNEL not in BY_LIKELIHOOD
    torch.manual_seed(wanted.seed)
    random = torch.Generator().manual_seed(wanted.seed)
    corpus = Corpus.read(sorted(wanted.corpus.glob("teach-*.npz")))
    network = VisemeNetwork()
    optimiser = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=0.01)
    plan = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=wanted.steps + 1, pct_start=0.1)
    checkpoint = wanted.out.with_suffix(".checkpoint")
    first = 0
    if checkpoint.exists():
        state = torch.load(checkpoint, weights_only=True)
        network.load_state_dict(state["network"])
        optimiser.load_state_dict(state["optimiser"])
        plan.load_state_dict(state["plan"])
        random.set_state(state["random"])
        torch.set_rng_state(state["torch"])  # dropout's
        first = state["step"]
        if first >= wanted.steps:
            parser.error(f"{checkpoint} has reached {first} steps: remove it to begin anew, or ask for more --steps")
    print(f"{len(corpus.mel) / 80 / 3600:.1f} h, {sum(p.numel() for p in network.parameters())} weights", flush=True)
    began, kept = time.monotonic(), 0.0
    for step in range(first + 1, wanted.steps + 1):
        starts = corpus.starts[torch.randint(0, len(corpus.starts), (BATCH,), generator=random)]
        mel, mouth, sound = corpus.batch(starts, random)
        raw, logits = network(roughened(mel, random))
        loss = loss_of(raw, logits, mouth, sound)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        plan.step()
        kept = 0.98 * kept + 0.02 * loss.item() if kept else loss.item()
        if step % 200 == 0:
            print(
                f"step {step}: loss {kept:.4f}, {(time.monotonic() - began) / (step - first) * 1000:.0f} ms", flush=True
            )
        if step % 1000 == 0 or step == wanted.steps:
            state = {"network": network.state_dict(), "optimiser": optimiser.state_dict(), "plan": plan.state_dict()}
            torch.save(
                {**state, "random": random.get_state(), "torch": torch.get_rng_state(), "step": step}, checkpoint
            )
            taught = {k: v.contiguous() for k, v in network.state_dict().items() if not k.startswith("classes")}
            save_file(taught, wanted.out)
            print(json.dumps(judge(network.eval(), wanted.corpus)), flush=True)
            network.train()


if __name__ == "__main__":
    main()
