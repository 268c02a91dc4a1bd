"""From a text to sound: a synthesiser of one's own choice over HTTP, or the one that needs no download."""
