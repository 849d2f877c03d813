"""Procedural sound: generators with random parameters and physical sense, one file per family."""
