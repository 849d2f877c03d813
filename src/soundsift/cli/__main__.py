"""`python -m soundsift.cli`, for launchers: `torchrun -m soundsift.cli train CONFIG.yaml`."""

from soundsift.cli import main

# Scene workers may be spawned, and a spawned process imports this file again.
if __name__ == "__main__":
    main()
