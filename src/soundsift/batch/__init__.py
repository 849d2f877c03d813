"""Many recordings in one run: which ones, under which names, what is done already, by whom."""
