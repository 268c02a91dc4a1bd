"""Which weights are known; fetched and verified."""
