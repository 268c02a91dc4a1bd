"""Lipwire: speech in over a WebSocket, a talking face out over WebRTC."""

__version__ = "0.1.0"
