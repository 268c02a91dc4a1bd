"""Lipwire: speech in over a WebSocket, a talking face out over WebRTC."""

import os

# NumPy's library reads it once, as it is loaded. Products here are small: shared out to threads, which wait by
# spinning, one frame's hearing takes seven times the processor time, and sessions take it from each other.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

__version__ = "0.1.0"
