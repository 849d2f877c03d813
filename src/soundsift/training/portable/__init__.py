"""A training run in a folder, to carry to a machine with a GPU and a narrow connection."""
