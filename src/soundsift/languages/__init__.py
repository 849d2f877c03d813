"""Prompts in other languages than English: a lexicon of sounds for each, written by hand.

The models know English only. A prompt in one of `codes.LANGUAGES` is read as an English one before
it is taken apart (`soundsift.phrases`); what was read is kept beside it, so that it can be shown.
"""
