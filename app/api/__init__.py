"""The doors: whatever comes in or goes out as JSON, HTTP or a WebSocket's messages."""
