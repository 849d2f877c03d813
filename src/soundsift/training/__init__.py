"""Training: batches, loss, loop, checkpoints and validation."""
