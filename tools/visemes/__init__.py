"""How the portrait's network is trained: speech synthesised with phoneme timings, mouths drawn from phonemes, a network.

``python -m tools.visemes.corpus`` makes the speech, ``python -m tools.visemes.train`` the weights; see
``docs/portrait.md``.
"""
