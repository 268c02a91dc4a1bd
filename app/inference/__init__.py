"""Sound and a prepared avatar in, talking pictures out; everything that touches the accelerator."""
