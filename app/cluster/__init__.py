"""Lipwire on many machines: Ray Serve places sessions, and their voices go straight to the replica that owns them."""
