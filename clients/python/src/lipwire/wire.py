"""What goes out, in the protocol's words."""

from __future__ import annotations

import json
from typing import Any

from lipwire.items import Begin, Cut, Feel, Flush, Item, Listen, Mark, Say, Sound
from lipwire.mood import Mood


def messages_of(item: Item) -> list[str | bytes]:
    """Say an item, and before an utterance's beginning its mood."""
    speech = item.speech if isinstance(item, Begin | Say) else None
    if speech is None or speech.mood is None or speech.wire_id != speech.id:
        return [message_of(item)]
    return [json.dumps({**_mood(speech.mood), "when": "words"}), message_of(item)]


def message_of(item: Item) -> str | bytes:
    """Say an item: text as JSON, sound as it is."""
    if isinstance(item, Sound):
        return item.data
    return json.dumps(_fields(item))


def attach_message(session: str, token: str, after: int | None, next_utterance: int | None = None) -> str:
    """Ask to feed a session; every utterance says its own format.

    ``next_utterance``: the first number for those without a name, where some were given elsewhere.
    """
    fields = {
        "type": "attach", "session": session, "token": token, "after": after, "next_utterance": next_utterance
    }  # fmt: skip
    return json.dumps({name: value for name, value in fields.items() if value is not None})


def _mood(mood: Mood) -> dict[str, Any]:
    return {"type": "mood", "name": mood.name, "strength": mood.strength}


def _fields(item: Begin | Flush | Say | Mark | Cut | Feel | Listen) -> dict[str, Any]:
    if isinstance(item, Feel):
        return _mood(item.mood)
    if isinstance(item, Listen):
        said = {"state": item.state, "levels": list(item.levels)}
        return {"type": "listening", **{name: value for name, value in said.items() if value}}
    if isinstance(item, Begin):
        speech = item.speech
        sound = {name: getattr(speech.format, name) for name in ("sample_rate", "channels", "encoding")}
        return {"type": "utterance", "id": speech.wire_id, **sound}
    if isinstance(item, Say):
        voice = {} if item.voice is None else {"voice": item.voice}
        return {"type": "say", "text": item.text, "utterance": item.speech.wire_id, **voice}
    if isinstance(item, Mark):
        return {"type": "mark", "id": item.id}
    return {"type": "flush" if isinstance(item, Flush) else "interrupt"}
