"""A session's packets into a file."""
