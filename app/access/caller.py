"""Who asks."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks: the bearer of a key, by its ``id``; anybody where there are no keys (``id`` is empty then).

    ``is_operator``: they run the server, so what no key owns is theirs. ``is_known``: no key was wanted, or one was
    given. What somebody else's key owns is for nobody but that key, whether the server wants keys now or not.
    """

    id: str = ""
    is_operator: bool = True
    is_known: bool = True

    def may_use(self, owner: str) -> bool:
        """Tell whether they may see and use what a key owns; what none owns is everybody's to use."""
        return self.is_known and owner in ("", self.id)

    def may_change(self, owner: str) -> bool:
        """Tell whether they may change and delete what a key owns."""
        return self.is_known and (owner == self.id if owner else self.is_operator)


NOBODY = Caller(is_operator=False, is_known=False)
