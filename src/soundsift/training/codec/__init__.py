"""Training of DAC-VAE, the codec of the released models."""
