"""Wav2Lip's network, with the public checkpoints' names and shapes. No files, no devices."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class Convolution(nn.Module):
    """Convolution, batch norm and ReLU, added to its input where ``residual``."""

    def __init__(
        self,
        channels_in: int,
        channels_out: int,
        kernel: int | tuple[int, int],
        stride: int | tuple[int, int] = 1,
        padding: int = 0,
        residual: bool = False,
    ) -> None:
        super().__init__()
        self.conv_block = nn.Sequential(
            nn.Conv2d(channels_in, channels_out, kernel, stride, padding), nn.BatchNorm2d(channels_out)
        )
        self.residual = residual

    def forward(self, x: Tensor) -> Tensor:
        """(B, in, H, W) → (B, out, H', W')."""
        y = self.conv_block(x)
        return torch.relu(y + x if self.residual else y)


class UpConvolution(nn.Module):
    """Transposed convolution, batch norm and ReLU."""

    def __init__(
        self, channels_in: int, channels_out: int, kernel: int, stride: int = 1, padding: int = 0, extra: int = 0
    ) -> None:
        super().__init__()
        self.conv_block = nn.Sequential(
            nn.ConvTranspose2d(channels_in, channels_out, kernel, stride, padding, extra), nn.BatchNorm2d(channels_out)
        )

    def forward(self, x: Tensor) -> Tensor:
        """(B, in, H, W) → (B, out, H', W')."""
        return torch.relu(self.conv_block(x))


def _down(channels_in: int, channels_out: int, residuals: int, kernel: int = 3) -> nn.Sequential:
    first = Convolution(channels_in, channels_out, kernel, 2, kernel // 2)
    return nn.Sequential(first, *_residuals(channels_out, residuals))


def _up(channels_in: int, channels_out: int) -> nn.Sequential:
    first = UpConvolution(channels_in, channels_out, 3, 2, 1, 1)
    return nn.Sequential(first, *_residuals(channels_out, 2))


def _residuals(channels: int, count: int) -> list[Convolution]:
    return [Convolution(channels, channels, 3, 1, 1, residual=True) for _ in range(count)]


class Wav2Lip(nn.Module):
    """Draw the lips that go with 200 ms of speech into a face whose lower half is hidden."""

    def __init__(self) -> None:
        super().__init__()
        self.face_encoder_blocks = nn.ModuleList([
            nn.Sequential(Convolution(6, 16, 7, 1, 3)),  # 96
            _down(16, 32, 2),  # 48
            _down(32, 64, 3),  # 24
            _down(64, 128, 2),  # 12
            _down(128, 256, 2),  # 6
            _down(256, 512, 1),  # 3
            nn.Sequential(Convolution(512, 512, 3, 1, 0), Convolution(512, 512, 1)),  # 1
        ])  # fmt: skip
        self.audio_encoder = nn.Sequential(
            Convolution(1, 32, 3, 1, 1), *_residuals(32, 2),
            Convolution(32, 64, 3, (3, 1), 1), *_residuals(64, 2),
            Convolution(64, 128, 3, 3, 1), *_residuals(128, 2),
            Convolution(128, 256, 3, (3, 2), 1), *_residuals(256, 1),
            Convolution(256, 512, 3), Convolution(512, 512, 1),
        )  # fmt: skip
        self.face_decoder_blocks = nn.ModuleList([
            nn.Sequential(Convolution(512, 512, 1)),  # 1
            nn.Sequential(UpConvolution(1024, 512, 3), *_residuals(512, 1)),  # 3
            _up(1024, 512),  # 6
            _up(768, 384),  # 12
            _up(512, 256),  # 24
            _up(320, 128),  # 48
            _up(160, 64),  # 96
        ])  # fmt: skip
        self.output_block = nn.Sequential(Convolution(80, 32, 3, 1, 1), nn.Conv2d(32, 3, 1), nn.Sigmoid())

    def forward(self, mel: Tensor, face: Tensor) -> Tensor:
        """Draw the lower half.

        ``mel``: (B, 1, 80, 16), −4…4. ``face``: (B, 6, 96, 96), 0…1, BGR: the face with its lower half
        blacked out, then the face. Returns (B, 3, 96, 96), 0…1, BGR.
        """
        x = self.audio_encoder(mel)
        features = []
        for block in self.face_encoder_blocks:
            face = block(face)
            features.append(face)
        for block, feature in zip(self.face_decoder_blocks, reversed(features), strict=True):
            x = torch.cat([block(x), feature], dim=1)
        drawn: Tensor = self.output_block(x)
        return drawn
