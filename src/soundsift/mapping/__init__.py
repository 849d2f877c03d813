"""Separation of a manifest's rows, from any file system to any: `soundsift map`."""
