"""How long OpenMP's threads spin is settled before PyTorch is imported."""

import os
import subprocess
import sys

import pytest

NAMES = ("OMP_WAIT_POLICY", "GOMP_SPINCOUNT")
CODE = f"""
import os, sys, soundsift.cli
try: soundsift.cli.main()
except SystemExit: pass
assert 'torch' not in sys.modules
print(*(os.environ.get(name) for name in {NAMES}))
"""


@pytest.mark.parametrize(
    ("command", "before", "after"),
    [
        ("separate", {}, "None 3000"),
        ("separate", {"OMP_WAIT_POLICY": "ACTIVE"}, "ACTIVE None"),
        ("separate", {"GOMP_SPINCOUNT": "7"}, "None 7"),
        ("train", {}, "PASSIVE 0"),  # its own choice
    ],
)
def test_spinning(command, before, after, tmp_path):
    environment = {k: v for k, v in os.environ.items() if k not in NAMES}
    done = subprocess.run(
        [sys.executable, "-c", CODE, command, "none"],
        cwd=tmp_path,
        env=environment | before,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.stdout.splitlines()[-1:] == [after], done.stderr
