"""From WebSocket messages to exact slices of sound."""
