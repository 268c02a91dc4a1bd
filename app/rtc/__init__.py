"""From Buffer B to the browser: tracks, sender reports, the peer connection."""
