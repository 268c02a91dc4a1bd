"""The shape of a mouth that speaks, apart from whose mouth it is."""

from __future__ import annotations

from dataclasses import dataclass, fields

AT_REST = 0.004  # of any channel: less moves no pixel of a portrait by a tenth


@dataclass(frozen=True, slots=True)
class MouthChannels:
    """What a sound does to a mouth, each 0…1 but for ``wide``: −1 (drawn in) … 1 (spread).

    ``opening`` of the inner lips and of the ``jaw``, 1 for an open "ah"; ``rounding`` ("oo"); ``closed``: lips pressed
    together (p, b, m); ``tuck``: the lower lip under the upper teeth (f, v); ``teeth``: shown, nearly together (s, ee);
    ``tongue``: its tip behind the teeth (l, th, n).
    """

    opening: float = 0.0
    jaw: float = 0.0
    wide: float = 0.0
    rounding: float = 0.0
    closed: float = 0.0
    tuck: float = 0.0
    teeth: float = 0.0
    tongue: float = 0.0


CHANNELS = tuple(field.name for field in fields(MouthChannels))  # in the order of the network's answer


@dataclass(frozen=True, slots=True)
class MouthShape(MouthChannels):
    """The channels of a mouth, and how far a picture has come to them.

    ``speaking``: from 0, the picture as it is, to 1, the mouth that the channels describe. A portrait that smiles with
    open lips closes them on the way.
    """

    speaking: float = 1.0

    @property
    def at_rest(self) -> bool:
        """Whether any picture can stay as it is."""
        return self.speaking <= 0

    @property
    def still(self) -> bool:
        """Whether a picture of closed lips can stay as it is."""
        return max(self.opening, self.jaw, abs(self.wide), self.rounding, self.closed, self.tuck) < AT_REST


REST = MouthShape(speaking=0.0)
