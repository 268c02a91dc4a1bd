"""The faces that can speak: one bundled, the others uploaded and kept."""
