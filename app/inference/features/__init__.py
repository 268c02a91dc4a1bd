"""What engines hear: mel columns, windows, loudness."""
