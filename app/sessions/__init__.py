"""A face that lives: its session, its parts, and how many of them fit."""
