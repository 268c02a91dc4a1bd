"""``python -m tools.visemes.adapt --corpus FOLDER --begin FILE --out FILE``: teach other targets to what hears already.

The convolutions and the voice's layer stay as they are: what they make of windows is computed once. Only the layers
that read a mouth from it learn, which takes a fraction of ``train.py``'s time.
"""

from __future__ import annotations

import argparse
import copy
import json
from dataclasses import dataclass
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from tools.visemes.network import VisemeNetwork
from tools.visemes.report import judge
from tools.visemes.train import CONFUSED, Corpus, loss_of, roughened

WINDOWS = 400_000
AT_ONCE = 2048  # windows that are listened to
OFTEN = 0.4  # of the windows are of sounds that are taken for one another
RECORDED = 0.35  # at least, of recorded American voices: what most will speak sounds like them
AMERICAN = ("teach-flite", "teach-festival-kal")
BATCH = 512
RATE = 1e-3
AVERAGED = 0.998  # of the weights that are kept, the running mean of those that learn


@dataclass(frozen=True, slots=True)
class Listened:
    """Windows as the network's front hears them: ``heard`` float16 (windows, 1200), their mouths and their classes."""

    heard: Tensor
    mouth: Tensor
    sound: Tensor

    @classmethod
    def to(cls, corpus: Path, network: VisemeNetwork, random: torch.Generator) -> Listened:
        """Listen to windows of a corpus, each roughened in its own way."""
        files = sorted(corpus.glob("teach-*.npz"))
        american = [file for file in files if file.stem.startswith(AMERICAN)]
        parts = [
            _listen(Corpus.read(some), network, int(WINDOWS * share), random)
            for some, share in (([file for file in files if file not in american], 1 - RECORDED), (american, RECORDED))
        ]
        return cls(*(torch.cat(column) for column in zip(*parts, strict=True)))


def _listen(
    corpus: Corpus, network: VisemeNetwork, count: int, random: torch.Generator
) -> tuple[Tensor, Tensor, Tensor]:
    confused = torch.isin(corpus.sound[corpus.starts + 82], CONFUSED)  # 82: about a frame's middle in its window
    often = corpus.starts[confused]
    found: list[tuple[Tensor, Tensor, Tensor]] = []
    for _ in range(count // AT_ONCE):
        split = int(AT_ONCE * OFTEN)
        starts = torch.cat([_drawn(often, split, random), _drawn(corpus.starts, AT_ONCE - split, random)])
        mel, mouth, sound = corpus.batch(starts, random)
        with torch.no_grad():
            found.append((network.listened(roughened(mel, random)).half(), mouth.half(), sound))
    heard, mouths, sounds = zip(*found, strict=True)
    return torch.cat(heard), torch.cat(mouths), torch.cat(sounds)


def _drawn(of: Tensor, count: int, random: torch.Generator) -> Tensor:
    return of[torch.randint(0, len(of), (count,), generator=random)]


def main() -> None:
    """Listen, or take what was listened to before; teach; write the weights."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--begin", type=Path, required=True, help="weights to begin with")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=6000)
    parser.add_argument("--seed", type=int, default=1)
    wanted = parser.parse_args()
    torch.manual_seed(wanted.seed)
    random = torch.Generator().manual_seed(wanted.seed)
    network = VisemeNetwork()
    network.load_state_dict(load_file(wanted.begin), strict=False)  # the classes are not kept in files
    kept = wanted.out.with_suffix(".listened")
    if not kept.exists():
        listened = Listened.to(wanted.corpus, network.eval(), random)
        torch.save((listened.heard, listened.mouth, listened.sound), kept)
        print(f"{len(listened.heard)} windows", flush=True)
    listened = Listened(*torch.load(kept, weights_only=True))
    averaged = _teach(network.train(), listened, wanted.steps, random)
    save_file({k: v.contiguous() for k, v in averaged.state_dict().items() if not k.startswith("classes")}, wanted.out)
    print(json.dumps(judge(averaged.eval(), wanted.corpus)), flush=True)


def _teach(network: VisemeNetwork, listened: Listened, steps: int, random: torch.Generator) -> VisemeNetwork:
    learning = [layer.parameters() for layer in (network.dense1, network.dense2, network.mouth, network.classes)]
    optimiser = torch.optim.AdamW([p for part in learning for p in part], lr=RATE, weight_decay=0.01)
    plan = torch.optim.lr_scheduler.OneCycleLR(optimiser, RATE, total_steps=steps + 1, pct_start=0.1)
    averaged = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(AVERAGED))  # type: ignore[no-untyped-call]
    shown = 0.0
    for step in range(1, steps + 1):
        at = torch.randint(0, len(listened.heard), (BATCH,), generator=random)
        raw, logits = network.read(listened.heard[at].float())
        loss = loss_of(raw, logits, listened.mouth[at].float(), listened.sound[at])
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(network.parameters(), 1.0)
        optimiser.step()
        plan.step()
        averaged.update_parameters(network)
        shown = 0.98 * shown + 0.02 * loss.item() if shown else loss.item()
        if step % 200 == 0:
            print(f"step {step}: loss {shown:.4f}", flush=True)
    taught = copy.deepcopy(averaged.module)
    assert isinstance(taught, VisemeNetwork)
    return taught


if __name__ == "__main__":
    main()
