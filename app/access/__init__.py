"""Keys, who bears them, what each may use, and what is written down about that."""
