"""Files that say that a machine made them."""
