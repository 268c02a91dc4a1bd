"""The default engine: a still portrait whose lips and jaw are warped by the sound. Needs no download."""
