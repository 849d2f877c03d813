"""Print what soundsift needs by pyproject.toml, with the extras named.

For pip, which compares no hashes of what a folder needs.
"""

import sys
import tomllib
from pathlib import Path

with (Path(__file__).parents[1] / "pyproject.toml").open("rb") as file:
    project = tomllib.load(file)["project"]
extras = project["optional-dependencies"]
print(*project["dependencies"], *(name for extra in sys.argv[1:] for name in extras[extra]))
