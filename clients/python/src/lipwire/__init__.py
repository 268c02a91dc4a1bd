"""The client of Lipwire: send a voice, and a face speaks with it."""

from lipwire.connecting import SessionOptions, connect
from lipwire.errors import (
    AlreadyFed,
    ConnectionLost,
    LipwireError,
    NotFound,
    NotReading,
    ServerFull,
    SessionEnded,
    Unauthorized,
)
from lipwire.events import (
    Disconnected,
    Draining,
    Event,
    Interrupted,
    MarkReached,
    Moved,
    Reconnected,
    SayFailed,
    SpeakingFinished,
    SpeakingStarted,
    Stats,
    Viewers,
)
from lipwire.face import Face
from lipwire.mood import Mood
from lipwire.pcm import Encoding, PcmFormat
from lipwire.utterance import Played, Utterance

__version__ = "0.1.0"

__all__ = [
    "AlreadyFed",
    "ConnectionLost",
    "Disconnected",
    "Draining",
    "Encoding",
    "Event",
    "Face",
    "Interrupted",
    "LipwireError",
    "MarkReached",
    "Mood",
    "Moved",
    "NotFound",
    "NotReading",
    "PcmFormat",
    "Played",
    "Reconnected",
    "SayFailed",
    "ServerFull",
    "SessionEnded",
    "SessionOptions",
    "SpeakingFinished",
    "SpeakingStarted",
    "Stats",
    "Unauthorized",
    "Utterance",
    "Viewers",
    "connect",
]
