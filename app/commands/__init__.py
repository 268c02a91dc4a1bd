"""What ``lipwire`` does besides serving."""
