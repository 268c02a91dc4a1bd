"""The network's compiled passes against the plain sum of what they stand for."""

from __future__ import annotations

import numpy as np
import pytest
from safetensors.numpy import load_file

from app.inference.engines.portrait.shape import CHANNELS
from app.inference.engines.portrait.viseme_loops import set_against_loudest
from app.inference.engines.portrait.viseme_net import (
    COLUMNS,
    FLOOR,
    LOCAL_COLUMNS,
    NET_WEIGHTS,
    SPAN,
    STEPS,
    STRIDE,
    TAPS,
    VisemeNet,
)

STARTS = [(16, 13, 10), (16, 12, 9), (16, 13, 9), (0,)]


def mel_of(seed: int) -> np.ndarray:
    """Syllables that swell and fade, over silence."""
    random = np.random.default_rng(seed)
    swell = 5 * np.abs(np.sin(np.arange(SPAN.columns) / 7 + seed)) - 4
    return np.clip(swell + random.normal(0, 1, (80, SPAN.columns)), -4, 4).astype(np.float32)


def plainly(mel: np.ndarray) -> np.ndarray:
    """The network of one window, layer by layer as it was taught."""
    net = {name: layer.astype(np.float64) for name, layer in load_file(NET_WEIGHTS).items()}
    loudest = mel.mean(axis=0).max()
    x = np.clip(mel.astype(np.float64) - loudest, FLOOR, -FLOOR)
    said = np.concatenate([x.mean(axis=1), x.max(axis=1), [loudest]])
    voice = np.maximum(net["voice.weight"] @ said + net["voice.bias"], 0)
    local = x[:, -LOCAL_COLUMNS:]
    for name in ("conv1", "conv2"):
        firsts = range(0, local.shape[1] - TAPS + 1, STRIDE)
        made = [np.tensordot(net[f"{name}.weight"], local[:, at : at + TAPS]) for at in firsts]
        local = np.maximum(np.stack(made, axis=1) + net[f"{name}.bias"][:, None], 0)
    hidden = np.concatenate([local.reshape(-1), voice])
    for name in ("dense1", "dense2"):
        hidden = np.maximum(net[f"{name}.weight"] @ hidden + net[f"{name}.bias"], 0)
    raw = net["mouth.weight"] @ hidden + net["mouth.bias"]
    return np.asarray(np.where(np.array(CHANNELS) == "wide", np.tanh(raw), 1 / (1 + np.exp(-raw))))


@pytest.mark.parametrize("starts", STARTS)
def test_frames_that_are_heard_together_are_heard_as_each_alone(starts: tuple[int, ...]) -> None:
    net = VisemeNet()
    for seed in range(6):
        mel = mel_of(seed)
        if seed % 2:
            mel[:, 10 + seed] = 3.5  # the loudest column, and not in every window
        wanted = [plainly(mel[:, start : start + COLUMNS]) for start in starts]
        assert np.abs(net.hear(mel, starts) - wanted).max() < 1e-5


def test_what_windows_share_is_read_once_and_only_against_the_same_loudest_column() -> None:
    def rows(mel: np.ndarray) -> int:
        return len(set_against_loudest(mel, np.array([16, 13, 10]), COLUMNS, FLOOR, STEPS, TAPS)[0])

    mel = np.full((80, SPAN.columns), -3.0, np.float32)
    mel[:, 50] = 0
    assert rows(mel) == 2 * len(STEPS) + 3, "the first and the third begin six columns apart, three steps"
    mel[:, 11] = 1
    assert rows(mel) == 3 * len(STEPS)


@pytest.mark.parametrize("starts", [(17,), (16, -1)])
def test_a_window_that_is_not_all_in_the_mel_is_refused(starts: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match="not all in mel"):
        VisemeNet().hear(mel_of(1), starts)
