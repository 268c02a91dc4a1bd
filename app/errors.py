"""What every package's refusals have in common; how they travel is the doors' business."""

from __future__ import annotations


class Refusal(Exception):
    """What a user asked for cannot be done; ``code`` is a stable string, ``message`` says what to do."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message
