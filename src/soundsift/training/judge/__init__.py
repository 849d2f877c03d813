"""Training of the default model's judge."""
