"""From noise to latents: the flow path, solvers, windows and their fusion at every solver step."""
