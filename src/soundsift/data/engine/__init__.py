"""The data engine: training triplets from recordings that nobody labelled (paper, section 5)."""
