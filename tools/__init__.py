"""What makes the project's own material: the portrait, the sample, the weights."""
