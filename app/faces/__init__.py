"""What finds a face, its mesh and its eyes."""
