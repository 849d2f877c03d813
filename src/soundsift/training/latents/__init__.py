"""Training of the separator in latents of DAC-VAE, by flow matching."""
