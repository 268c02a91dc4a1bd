"""How the portrait's network is trained: on synthesised speech whose phonemes are known, and mouths drawn from them.

``python -m tools.visemes.corpus`` makes the speech, ``python -m tools.visemes.train`` the weights; see
``docs/portrait.md``.
"""
