"""What can be sent, one after the other."""

from __future__ import annotations

from dataclasses import dataclass

from lipwire.mood import Hint, Mood
from lipwire.speech import Speech

ITEM_BYTES = 200  # what each item counts beside its sound


@dataclass(frozen=True)
class Begin:
    """An utterance begins, or goes on in its next piece."""

    speech: Speech


@dataclass(frozen=True)
class Sound:
    """PCM of an utterance; ``end``: how many bytes of it there are with these."""

    speech: Speech
    end: int
    data: bytes

    @property
    def start(self) -> int:
        """How many bytes of the utterance there are before these."""
        return self.end - len(self.data)


@dataclass(frozen=True)
class Flush:
    """An utterance ends."""

    speech: Speech


@dataclass(frozen=True)
class Say:
    """A text, which is an utterance of its own."""

    speech: Speech
    text: str
    voice: str | None


@dataclass(frozen=True)
class Mark:
    """A place that the server tells of; ``id`` is never used twice."""

    id: str


@dataclass(frozen=True)
class Cut:
    """An interrupt: nothing before it matters any more. ``number`` tells it from others."""

    number: int


@dataclass(frozen=True)
class Feel:
    """A mood, from now on."""

    mood: Mood


@dataclass(frozen=True)
class Listen:
    """Somebody speaks to the face; said once or never."""

    state: Hint | None = None
    levels: tuple[float, ...] = ()


OfSpeech = Begin | Sound | Flush | Say
Item = OfSpeech | Mark | Cut | Feel | Listen


def cost(item: Item) -> int:
    """Return what an item counts where bytes are counted."""
    if isinstance(item, Sound):
        return ITEM_BYTES + len(item.data)
    return ITEM_BYTES + (len(item.text) if isinstance(item, Say) else 0)
