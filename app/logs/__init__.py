"""What the service writes down: one set-up for every logger, text or JSON, whatever clients send."""

from app.logs.outbox import written_beside
from app.logs.set_up import set_up_logging

__all__ = ["set_up_logging", "written_beside"]
