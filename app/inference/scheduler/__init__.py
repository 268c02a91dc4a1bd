"""The inference thread, and who draws next on it."""
