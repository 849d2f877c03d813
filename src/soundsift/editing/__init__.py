"""Editing a recording in turns, which a small file notes; the recording stays as it is."""
