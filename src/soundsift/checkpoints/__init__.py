"""Find, load, convert and write models."""
