"""Measurements: repeatable, a table for people, one JSON object on the last line."""
