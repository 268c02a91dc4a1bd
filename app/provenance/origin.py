"""What every file says of where it comes from."""

from __future__ import annotations

import logging
from dataclasses import dataclass
from pathlib import Path

from app.config import Settings
from app.provenance.credentials import Credentials, CredentialsError
from app.provenance.source_type import container_tags
from app.provenance.xmp import append_xmp

logger = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Origin:
    """A file's label, in people's words and in machines', and what signs it, where the operator has a certificate."""

    label: str
    credentials: Credentials | None = None

    @classmethod
    def of(cls, settings: Settings) -> Origin:
        """Make it of the settings.

        Raises:
            CredentialsError: when they name a certificate that cannot sign.
        """
        if settings.c2pa_certfile is None or settings.c2pa_keyfile is None:
            return cls(settings.label)
        return cls(settings.label, Credentials(settings.c2pa_certfile, settings.c2pa_keyfile))

    @property
    def tags(self) -> dict[str, str]:
        """The container's own tags, to be set before its first packet."""
        return container_tags(self.label)

    def mark(self, path: Path) -> None:
        """Write it into a finished MP4, and sign that. Blocks.

        Raises:
            OSError: when the disk takes it not.
            CredentialsError: when it cannot be signed.
        """
        append_xmp(path, self.label)
        if self.credentials is not None:
            self.credentials.sign(path, self.label)

    def mark_if_possible(self, path: Path) -> None:
        """Do as :meth:`mark` does; a file that cannot be marked is kept, and said in the log."""
        try:
            self.mark(path)
        except (OSError, CredentialsError) as error:
            logger.warning("provenance: %s has its tags alone: %s", path.name, error)
