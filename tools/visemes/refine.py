"""``python -m tools.visemes.refine --corpus FOLDER --begin FILE --out FILE``: teach n from m in what hears already.

``train.py`` asks for a closure in every picture of p b m. Here one picture of each is enough, the one in which it is
heard best, and none of n t d l or of an open vowel may have it: what counts is whether lips are drawn shut. Whatever
else is heard is held to what was taught before.
"""

from __future__ import annotations

import argparse
import copy
import json
import math
from dataclasses import astuple, dataclass, replace
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor
from torch.nn import functional
from torch.optim.swa_utils import AveragedModel, get_ema_multi_avg_fn

from app.inference.engines.portrait.shape import CHANNELS
from app.inference.engines.portrait.viseme_driver import CLOSED, CLOSES
from tools.visemes.contrasts import FRAMES, Contrasts, anywhere_in, frames_of, joined, mixed, moved, starts_of
from tools.visemes.network import VisemeNetwork
from tools.visemes.report import judge
from tools.visemes.train import CLASS_WEIGHT, WEIGHTS, Corpus, loss_of
from tools.visemes.variety import roughened

# windows of a batch: anything; runs of p b m; n t d l; open vowels; runs of f v. A multiple of 4 each, as runs are
# of 4 windows that no two throats may share, and of ``variety.THROATS`` together
ANY, PRESSED, PARTED, WIDE_OPEN, TUCKED = 256, 48, 160, 64, 24
SHARES = (1 / 6, 1 / 4, 7 / 12)  # of eSpeak's voices, of recorded ones, and of those hardly roughened
RATE, WARM, DROPOUT = 5e-4, 200, 0.05
SET_IN = 400  # batches in which the contrasts set in, and the classes, which begin anew
AVERAGED = 0.999  # of the weights that are kept, the running mean of those that learn
SHUT, MARGIN = 0.11, 0.35  # an opening that looks shut; how much more, or less, is asked for (natural logarithm)
FOCUS, HOLD = 0.25, 3.0
MISSED, OPEN_SHUT, UNTUCKED = 5.0, 1.5, 0.3  # set against an n t d l that is shut
# what is added to the closure in the end: where p b m are still seen to close, of voices kept apart and recordings
LEAN = -0.4
LEARNT = replace(WEIGHTS, closed=0.4)
HELD = replace(WEIGHTS, closed=0.0, tuck=3.0)
OPENING_AT, CLOSED_AT, TUCK_AT = (CHANNELS.index(name) for name in ("opening", "closed", "tuck"))
_FROM, _TO = (math.log(share / (1 - share)) for share in (CLOSES, CLOSED))


@dataclass(frozen=True, slots=True)
class Batch:
    """Windows of every kind in one row; ``middles`` of the first ``ANY``; which pictures lie in p b m and in f v."""

    starts: Tensor
    middles: Tensor
    alike: Tensor
    in_pressed: Tensor
    in_tucked: Tensor


def drawn(corpus: Corpus, parts: list[Contrasts], random: torch.Generator) -> Batch:
    """Draw a batch."""
    starts, middles = corpus.drawn(ANY, random)
    pressed, in_pressed = frames_of(mixed([part.pressed for part in parts], SHARES, PRESSED, random), random)
    parted = anywhere_in(mixed([part.parted for part in parts], SHARES, PARTED, random), random)
    wide_open = mixed([part.wide_open for part in parts], SHARES, WIDE_OPEN, random)
    tucked, in_tucked = frames_of(mixed([part.tucked for part in parts], SHARES, TUCKED, random), random)
    rest = torch.cat([pressed.flatten(), parted, wide_open, tucked.flatten()])
    each = torch.cat([torch.ones(ANY), torch.full((PRESSED,), FRAMES), torch.ones(PARTED + WIDE_OPEN)]).long()
    each = torch.cat([each, torch.full((TUCKED,), FRAMES)])
    alike = torch.arange(len(each)).repeat_interleave(each)
    return Batch(torch.cat([starts, starts_of(rest)]), middles, alike, in_pressed, in_tucked)


def shutness(raw: Tensor) -> Tensor:
    """Return by how much less than its widest the mouth is drawn, as a natural logarithm; only the closure learns."""
    steepness = 4 / (_TO - _FROM)  # of a sigmoid in the place of the driver's ramp
    pressed = steepness * (raw[:, CLOSED_AT] - (_FROM + _TO) / 2)
    return -(functional.logsigmoid(raw[:, OPENING_AT].detach()) + functional.logsigmoid(-pressed))


def contrast_loss(raw: Tensor, batch: Batch) -> Tensor:
    """Count lips that are open on p b m, shut on n t d l and open vowels, and not tucked on f v; ``raw``: all but the

    first ``ANY`` windows.
    """
    pressed, parted, wide_open, tucked = torch.split(raw, [PRESSED * FRAMES, PARTED, WIDE_OPEN, TUCKED * FRAMES])
    shut = -math.log(SHUT)
    best = _best(shutness(pressed), batch.in_pressed, 0.3)
    tuck = _best(tucked[:, TUCK_AT], batch.in_tucked, 0.5)
    return (
        MISSED * _wrong(shut + MARGIN - best)
        + _wrong(shutness(parted) - shut + MARGIN)
        + OPEN_SHUT * _wrong(shutness(wide_open) - shut + MARGIN)
        + UNTUCKED * functional.softplus(-2 * (tuck + 0.8)).mean()
    )


def _best(values: Tensor, inside: Tensor, softness: float) -> Tensor:
    of_runs = values.reshape(inside.shape).masked_fill(~inside, -1e4)
    return torch.logsumexp(of_runs / softness, dim=1) * softness - 0.2


def _wrong(excess: Tensor) -> Tensor:
    """Count what is above 0: mostly each as one, however far, so that what cannot be told apart is let go."""
    return (torch.sigmoid(3 * excess) + 0.25 * functional.softplus(excess)).mean()


def main() -> None:
    """Teach, and write the mean of the last weights."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--corpus", type=Path, required=True)
    parser.add_argument("--begin", type=Path, required=True, help="weights to begin with")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--steps", type=int, default=4000)
    parser.add_argument("--seed", type=int, default=1)
    wanted = parser.parse_args()
    torch.manual_seed(wanted.seed)
    random = torch.Generator().manual_seed(wanted.seed)
    plain = [p for p in sorted(wanted.corpus.glob("teach-*.npz")) if p.stem.startswith(("teach-espeak", "teach-quiet"))]
    recorded = [path for path in sorted(wanted.corpus.glob("teach-*.npz")) if path not in plain]
    corpora = [Corpus.read(files) for files in (plain, recorded, sorted(wanted.corpus.glob("light-*.npz")))]
    places = [0, len(corpora[0].mel), len(corpora[0].mel) + len(corpora[1].mel)]
    parts = [moved(Contrasts.of(part), place) for part, place in zip(corpora, places, strict=True)]
    corpus = joined(corpora)
    network = VisemeNetwork()
    missing, unknown = network.load_state_dict(load_file(wanted.begin), strict=False)
    if unknown or any(not name.startswith("classes.") for name in missing):  # those alone are not kept in files
        raise SystemExit(f"{wanted.begin} is not what hears the mouth: {missing} are missing, {unknown} are unknown")
    taught = teach(network, corpus, parts, wanted.steps, random)
    with torch.no_grad():
        taught.mouth.bias[CLOSED_AT] += LEAN
    save_file({k: v.contiguous() for k, v in taught.state_dict().items() if not k.startswith("classes")}, wanted.out)
    print(json.dumps(judge(taught.eval(), wanted.corpus)), flush=True)


def teach(
    network: VisemeNetwork, corpus: Corpus, parts: list[Contrasts], steps: int, random: torch.Generator
) -> VisemeNetwork:
    """Return the network as it has learnt in so many batches."""
    before = copy.deepcopy(network).eval().requires_grad_(False)
    network.dropout.p = DROPOUT
    optimiser = torch.optim.AdamW(network.parameters(), lr=RATE, weight_decay=0.01)
    plan = torch.optim.lr_scheduler.LambdaLR(
        optimiser, lambda at: min(1, at / WARM) * (0.02 + 0.49 * (1 + math.cos(math.pi * min(1, at / steps))))
    )
    averaged = AveragedModel(network, multi_avg_fn=get_ema_multi_avg_fn(AVERAGED))  # type: ignore[no-untyped-call]
    for step in range(1, steps + 1):
        batch = drawn(corpus, parts, random)
        mel = roughened(corpus.windows(batch.starts), batch.alike, random)
        raw, logits = network(mel)
        set_in = min(1.0, step / SET_IN)
        learnt = loss_of(raw[:ANY], logits[:ANY], *corpus.mouths(batch.middles), LEARNT, CLASS_WEIGHT * set_in)
        moved_by = VisemeNetwork.squashed(raw[:ANY]) - VisemeNetwork.squashed(before(mel[:ANY])[0])
        held = (moved_by.square() * torch.tensor(astuple(HELD))).sum(dim=1).mean()
        loss = learnt + HOLD * held + FOCUS * set_in * contrast_loss(raw[ANY:], batch)
        optimiser.zero_grad()
        loss.backward()  # type: ignore[no-untyped-call]
        torch.nn.utils.clip_grad_norm_(network.parameters(), 2.0)
        optimiser.step()
        plan.step()
        averaged.update_parameters(network)
        if step % 200 == 0:
            print(f"step {step}: loss {loss.item():.4f}", flush=True)
    taught = copy.deepcopy(averaged.module)
    assert isinstance(taught, VisemeNetwork)
    return taught


if __name__ == "__main__":
    main()
