"""Draw the cast: six original, closed-lipped, front-facing portraits of nobody in particular.

Run ``python -m tools.portraits`` for all, or with names for some; see :mod:`tools.portraits.__main__`.
"""
