"""The engines, and which there are."""
