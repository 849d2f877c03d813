"""The scripts: they run outside of soundsift, with Python alone."""
