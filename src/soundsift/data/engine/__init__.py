"""The data engine: training triplets from unlabelled recordings and from multitracks."""
