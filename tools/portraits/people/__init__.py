"""The six: what each looks like and wears."""
