"""The network that ``viseme_net`` runs in the portrait, as it is trained; both must agree to the last weight."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional

from app.inference.engines.portrait.shape import CHANNELS
from app.inference.engines.portrait.viseme_net import COLUMNS, FLOOR, LOCAL_COLUMNS, SPREAD_CHANNEL
from tools.visemes.phones import PHONES

# sounds that look, and sound, alike are one class; only for training
CLASSES = ("_", "pbmɓ", "fvɱʋ", "wʍɥβɸ", "θð", "tdnʈɖɳɗ", "szʂʐ", "ʃʒɕʑ", "lɭɫɬrɾɽɹɻ", "kgŋxɣqχɡɢɴʁʀhɦʔħʕ", "jʝçɲʎcɟ",
           "aɑɐʌæ", "ɛeœ", "ɪiɨɯ", "əɘɜɝɚɞɤ", "ɒɔoø", "uʊʉɵyʏ")  # fmt: skip
CLASS_OF_SOUND = [next(at for at, sounds in enumerate(CLASSES) if sound in sounds) for sound in PHONES]


class VisemeNetwork(nn.Module):
    """mel float32 (batch, ``COLUMNS``, 80), −4…4 → (channels (batch, 8), classes' logits (batch, 17))."""

    def __init__(self) -> None:
        super().__init__()
        self.conv1 = nn.Conv1d(80, 96, 5, stride=2)
        self.conv2 = nn.Conv1d(96, 128, 5, stride=2)
        steps = ((LOCAL_COLUMNS - 5) // 2 + 1 - 5) // 2 + 1
        self.voice = nn.Linear(161, 48)
        self.dense1 = nn.Linear(128 * steps + 48, 224)
        self.dense2 = nn.Linear(224, 128)
        self.mouth = nn.Linear(128, len(CHANNELS))
        self.classes = nn.Linear(128, len(CLASSES))
        self.dropout = nn.Dropout(0.15)

    def forward(self, mel: Tensor) -> tuple[Tensor, Tensor]:
        """Read the mouth before its last non-linearity (a sigmoid; tanh for the spread)."""
        assert mel.shape[1] == COLUMNS
        loudest = mel.mean(dim=2).amax(dim=1)
        x = (mel - loudest[:, None, None]).clamp(FLOOR, -FLOOR)
        voice = torch.cat([x.mean(dim=1), x.amax(dim=1), loudest[:, None]], dim=1)
        voice = functional.relu(self.voice(voice))
        local = x[:, -LOCAL_COLUMNS:].transpose(1, 2)
        local = functional.relu(self.conv2(functional.relu(self.conv1(local))))
        hidden = torch.cat([local.flatten(1), voice], dim=1)
        hidden = functional.relu(self.dense1(self.dropout(hidden)))
        hidden = functional.relu(self.dense2(self.dropout(hidden)))
        return self.mouth(hidden), self.classes(hidden)

    @staticmethod
    def squashed(raw: Tensor) -> Tensor:
        """Return the channels in their ranges."""
        mouth = torch.sigmoid(raw)
        spread = torch.tanh(raw[..., SPREAD_CHANNEL : SPREAD_CHANNEL + 1])
        return torch.cat([mouth[..., :SPREAD_CHANNEL], spread, mouth[..., SPREAD_CHANNEL + 1 :]], dim=-1)
