"""What travels over HTTP as JSON; ``/openapi.json`` is made of these."""

from __future__ import annotations

import base64
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from app.avatars.avatar_info import AvatarInfo
from app.avatars.bundled import is_bundled
from app.avatars.mouth import HANDLES
from app.avatars.preview import Preview
from app.avatars.store import Mouth
from app.recordings.recording_info import RecordingInfo


class _Answer(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Problem(_Answer):
    """Why something was refused, as RFC 9457 has it, with a code that programs can rely on."""

    type: str = Field(description="urn:lipwire:problem: and the code")
    title: str = Field(description="the status in words")
    status: int
    code: str = Field(description="a stable string; docs/protocol.md lists them all")
    detail: str = Field(description="a sentence that says what to do")


class Health(_Answer):
    """The server runs."""

    status: Literal["ok"] = "ok"
    version: str
    sessions: int = Field(description="how many are open")


class SiteView(_Answer):
    """What a page should know before it asks for anything."""

    version: str
    label: str = Field(description="what faces are marked with, as made by a machine")
    keys: bool = Field(description="whether a key is wanted before sessions are made and avatars changed")


class Readiness(_Answer):
    """The server takes new sessions, or why it does not."""

    ready: bool
    why: Literal["starting", "draining", "inference_ended", "data_folder", "no_stage"] | None = Field(
        default=None,
        description="`starting`, `draining` (it is being stopped), `inference_ended` (its inference thread has), "
        "`data_folder` (it is missing, cannot be written, or does not answer), `no_stage` (a cluster has none, or "
        "all drain); null where it is ready",
    )


class EngineView(_Answer):
    """An engine, and whether it can run here."""

    name: str
    available: bool
    why: str = Field(description="what it needs, empty where nothing is missing")


class EngineList(_Answer):
    """All engines, and which of them `auto` means."""

    engines: list[EngineView]
    auto: str


class VoiceView(_Answer):
    """Who may speak a text."""

    id: str = Field(description="what a `say` names")
    name: str
    language: str = Field(description="a tag such as en-gb; empty where it is not known")


class VoiceList(_Answer):
    """The voices that are known, and the one that speaks where none is named."""

    voices: list[VoiceView]
    default: str | None = Field(description="null where nothing here speaks a text")
    why: str = Field(description="what is missing, empty where nothing is")


class AvatarView(_Answer):
    """A face that can speak."""

    id: str
    name: str
    width: int = Field(description="pixels")
    height: int = Field(description="pixels")
    image: str = Field(description="the path of its picture")
    thumbnail: str = Field(description="the path of a small picture of it, a JPEG")
    bundled: bool = Field(description="whether it came with the server: it is everybody's, and stays as it is")
    notice: str | None = Field(description="what whoever uploaded it should know")
    frames: int = Field(description="1 for a picture, more for a video")

    @classmethod
    def of(cls, info: AvatarInfo) -> AvatarView:
        """Show what is known of an avatar."""
        return cls(
            id=info.id,
            name=info.name,
            width=info.width,
            height=info.height,
            image=f"/api/avatars/{info.id}/image",
            thumbnail=f"/api/avatars/{info.id}/thumbnail",
            bundled=is_bundled(info.id),
            notice=info.notice,
            frames=info.frames,
        )


class PreviewView(_Answer):
    """How an upload would look as a face; nothing of it is kept."""

    width: int = Field(description="pixels, of the face that it would be")
    height: int = Field(description="pixels")
    image: str = Field(description="a smaller JPEG, as a data: URL")
    notice: str | None = Field(description="what whoever uploads it should know")

    @classmethod
    def of(cls, preview: Preview) -> PreviewView:
        """Show it."""
        image = base64.b64encode(preview.jpeg).decode()
        return cls(
            width=preview.width,
            height=preview.height,
            image=f"data:image/jpeg;base64,{image}",
            notice=preview.notice,
        )


class AvatarList(_Answer):
    """The default face, then uploaded ones, the newest first; beside them the others that come with Lipwire."""

    avatars: list[AvatarView]
    cast: list[AvatarView] = Field(description="the bundled faces besides the default")


class FaultView(_Answer):
    """Why something ended early."""

    code: str = Field(description="a stable string")
    message: str = Field(description="a sentence that says what to do")


class RecordingView(_Answer):
    """How a session's recording stands."""

    state: Literal["recording", "done", "failed"]
    bytes: int = Field(description="of the file, as far as it can be played")
    duration_ms: int
    error: FaultView | None = Field(description="why it failed; what was written before can be played")

    @classmethod
    def of(cls, info: RecordingInfo) -> RecordingView:
        """Show what is known of a recording."""
        error = FaultView(code=info.error.code, message=info.error.message) if info.error else None
        return cls(state=info.state, bytes=info.bytes, duration_ms=info.duration_ms, error=error)


class Progress(_Answer):
    """How far a video is on its way to becoming a face."""

    done: int = Field(description="frames")
    of: int = Field(description="frames, as far as is known")


class MouthPoint(_Answer):
    """A point of a mouth, in pixels of its picture, and where it was found; left and right are the picture's."""

    name: str = Field(json_schema_extra={"enum": [handle.name for handle in HANDLES]})
    label: str = Field(description="its name for people")
    x: float
    y: float
    found_x: float
    found_y: float


class MouthView(_Answer):
    """Where a face's mouth is."""

    corrected: bool = Field(description="whether somebody moved it from where it was found")
    points: list[MouthPoint]

    @classmethod
    def of(cls, mouth: Mouth) -> MouthView:
        """Show a mouth as it is used."""
        now = mouth.found if mouth.corrected is None else mouth.corrected
        pairs = zip(HANDLES, now.tolist(), mouth.found.tolist(), strict=True)
        return cls(
            corrected=mouth.corrected is not None,
            points=[
                MouthPoint(name=handle.name, label=handle.label, x=x, y=y, found_x=found_x, found_y=found_y)
                for handle, (x, y), (found_x, found_y) in pairs
            ],
        )


class SentPoint(BaseModel):
    """A point as a client sends it; more in it is ignored."""

    name: str = Field(json_schema_extra={"enum": [handle.name for handle in HANDLES]})
    x: float = Field(description="pixels of the picture, from the left")
    y: float = Field(description="pixels of the picture, from the top")


def body(media_type: str, schema: dict[str, Any]) -> dict[str, Any]:
    """Describe, for a route's ``openapi_extra``, a body that the route reads by itself, in pieces."""
    return {"requestBody": {"required": True, "content": {media_type: {"schema": schema}}}}


MOUTH_BODY = body(
    "application/json",
    {
        "type": "object",
        "required": ["points"],
        "properties": {
            "points": {
                "type": "array",
                "description": "each point once, in any order",
                "minItems": len(HANDLES),
                "maxItems": len(HANDLES),
                "items": SentPoint.model_json_schema(),
            }
        },
    },
)
AVATAR_FORM = body(
    "multipart/form-data",
    {
        "type": "object",
        "description": "an image or a video",
        "properties": {
            "image": {"type": "string", "format": "binary", "description": "PNG, JPEG or WebP, up to 10 MB"},
            "video": {"type": "string", "format": "binary", "description": "MP4 or WebM, up to 100 MB and 60 s"},
            "background": {
                "type": "string",
                "format": "binary",
                "description": "PNG, JPEG or WebP, up to 10 MB, behind the person, with background=picture",
            },
        },
        "oneOf": [{"required": ["image"]}, {"required": ["video"]}],
    },
)
