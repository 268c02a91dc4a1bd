"""What faces look like, and what drawing them may take."""

from __future__ import annotations

from pathlib import Path
from typing import Self

from pydantic import Field, field_validator, model_validator

from app.config.group import SettingsGroup
from app.config.wanting import wanting

LONGEST_LABEL = 80  # characters


class Faces(SettingsGroup):
    """Engines, pictures and their pace."""

    engine: str = Field(default="auto", description="engine used for `auto`")
    max_side: int = Field(  # a living face counts half pixels in 16 bits
        default=1080, ge=128, le=8192, description="pixels of a frame's longer side; larger pictures are scaled down"
    )
    voice_lead_packets: int = Field(
        default=2, ge=0, le=50, description="20 ms packets by which the voice leaves ahead of its picture"
    )
    video_bitrate: int = Field(default=2_500_000, ge=1, description="most bits per second of video")
    buffer_high: int = Field(default=20, ge=1, description="high water mark of Buffer A, in frames")
    buffer_low: int = Field(default=10, ge=0, description="low water mark of Buffer A, in frames, below the high one")
    life: bool = Field(default=True, description="faces blink, breathe and sway, as long as there is time for it")
    threads: int = Field(default=0, ge=0, description="threads for Wav2Lip, and for the encoders; 0 is all cores")
    label: str = Field(
        default="AI-generated",
        description="what is shown on a face, and written into files, to say that a machine made it",
    )
    c2pa_certfile: Path | None = Field(
        default=None, description="certificate chain (PEM) that signs a C2PA manifest in rendered and recorded files"
    )
    c2pa_keyfile: Path | None = Field(default=None, description="its private key (PEM)")

    @field_validator("label")
    @classmethod
    def _check_label(cls, value: str) -> str:
        shown = value.strip()
        if not (shown.isprintable() and 0 < len(shown) <= LONGEST_LABEL):
            raise wanting("label", f"a text of 1 to {LONGEST_LABEL} characters that can be seen")
        return shown

    @model_validator(mode="after")
    def _check_pairs(self) -> Self:
        if self.buffer_low >= self.buffer_high:
            raise wanting("buffer_low", "below buffer_high")
        if bool(self.c2pa_certfile) != bool(self.c2pa_keyfile):
            raise wanting("c2pa_certfile", "given together with c2pa_keyfile")
        return self
