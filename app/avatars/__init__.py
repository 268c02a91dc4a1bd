"""The faces that can speak: some bundled, the others uploaded and kept."""
