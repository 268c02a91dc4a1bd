"""From frames that come when they come to frames that leave on time."""
