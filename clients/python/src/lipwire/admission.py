"""A session's doors."""

from __future__ import annotations

from dataclasses import dataclass, field, replace


@dataclass(frozen=True)
class Admission:
    """Where a session is fed and watched. ``width`` and ``height`` are not known of one that was made elsewhere.

    ``id`` is what the server calls it: where it is one of many machines, a reference, ``<id>.<seal>``, which says,
    sealed, where the session lives. It changes when the session comes to live elsewhere; what stands before the dot
    stays, and so do tokens.
    """

    id: str
    feed_url: str
    feed_token: str = field(repr=False)
    whep_url: str
    watch_url: str = field(repr=False)  # holds a token
    view_token: str | None = field(repr=False)
    width: int = 0
    height: int = 0

    @property
    def may_move(self) -> bool:
        """Whether the session may come to live elsewhere."""
        return "." in self.id

    def moved(self, id: str, feed_url: str, whep_url: str) -> Admission:
        """Return the doors of the same session elsewhere; the page that shows it finds that by itself."""
        return replace(self, id=id, feed_url=feed_url, whep_url=whep_url, watch_url=self.watch_url.replace(self.id, id))
