"""Recordings on disk: what is known of each, until they expire."""
