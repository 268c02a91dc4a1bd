"""``doctor``: what would fail here, and what to do about it."""
