"""Tuning: teach a model a sound from a few recordings of it, as a small adapter."""
