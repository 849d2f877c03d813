"""Batches: many recordings in one run, with file names from templates, resuming and workers."""
