"""``/api/sessions/{id}/revival``: a session whose stage has died, made anew under its name."""

from __future__ import annotations
