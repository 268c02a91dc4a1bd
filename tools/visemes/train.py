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
from tools.visemes.variety import roughened

BATCH = 1024
RATE = 1.5e-3
WEIGHTS = MouthChannels(opening=4.0, jaw=1.5, wide=1.0, rounding=1.5, closed=1.0, tuck=1.0, teeth=0.7, tongue=0.5)
BY_LIKELIHOOD = [CHANNELS.index("closed"), CHANNELS.index("tuck")]
CLASS_WEIGHT = 0.15
RARE = 2.0  # how much more a missed closure or tuck counts than a false one


@dataclass(frozen=True, slots=True)
class Corpus:
    """Everything in one row, and where a window may start.

    ``mel``: float16 (columns, 80). ``mouth``: float16 (columns, 8). ``sound``: int16 (columns,), of ``SOUNDS``.
    """

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
        return cls(*(torch.from_numpy(np.concatenate(row)) for row in (mels, mouths, sounds, starts)))

    def drawn(self, count: int, random: torch.Generator) -> tuple[Tensor, Tensor]:
        """Return where windows start, int64 (count,), and where their frames' middles lie."""
        starts = self.starts[torch.randint(0, len(self.starts), (count,), generator=random)]
        return starts, starts + MIDDLE_COLUMN + 0.2 * torch.randint(0, 5, starts.shape, generator=random)

    def windows(self, starts: Tensor) -> Tensor:
        """Return mel float32 (batch, ``COLUMNS``, 80)."""
        return self.mel[starts[:, None] + torch.arange(COLUMNS)].float()

    def mouths(self, middles: Tensor) -> tuple[Tensor, Tensor]:
        """Return the mouths in frames' middles, float32 (batch, 8), and the sounds' classes, int64 (batch,)."""
        low = middles.floor().long()
        share = (middles - low)[:, None]
        mouth = self.mouth[low].float() * (1 - share) + self.mouth[low + 1].float() * share
        return mouth, torch.tensor(CLASS_OF_SOUND)[self.sound[middles.round().long()].long()]


def loss_of(
    raw: Tensor,
    logits: Tensor,
    mouth: Tensor,
    sound: Tensor,
    weights: MouthChannels = WEIGHTS,
    class_weight: float = CLASS_WEIGHT,
) -> Tensor:
    """Weigh squares for shapes, likelihood for what is there or not, and the class of the sound."""
    squares = (VisemeNetwork.squashed(raw) - mouth).square()
    likelihood = functional.binary_cross_entropy_with_logits(
        raw, mouth.clamp(0, 1), reduction="none", pos_weight=torch.tensor(RARE)
    )
    each = squares.clone()
    each[:, BY_LIKELIHOOD] = 0.4 * likelihood[:, BY_LIKELIHOOD]
    weighted = (each * torch.tensor(astuple(weights))).sum(dim=1).mean()
    return weighted + class_weight * functional.cross_entropy(logits, sound)


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
        starts, middles = corpus.drawn(BATCH, random)
        raw, logits = network(roughened(corpus.windows(starts), torch.arange(BATCH), random))
        loss = loss_of(raw, logits, *corpus.mouths(middles))
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
