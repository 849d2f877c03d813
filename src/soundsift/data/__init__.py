"""Sound to train on: from Debian packages by way of a sound bank to scenes."""
