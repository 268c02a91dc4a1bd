"""RTMP, the side that publishes: AMF0, chunks, FLV's payloads, and the conversation."""
