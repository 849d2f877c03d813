"""Train on what lies beside this file: `soundsift.training.portable.pack` writes it as `train.py`.

python part-1/train.py --minutes 9

Trains for so many minutes, the start included; the same command continues. It needs PyTorch, NumPy,
SciPy and safetensors; what else is missing is taken from `wheels`.
"""

from __future__ import annotations

import importlib.util
import sys
import time
import zipfile
from pathlib import Path

#: Packages that may be missing, by the names that are imported.
MISSING = ("pydantic", "soundfile", "tqdm", "yaml")


def unpack(home: Path, site: Path) -> None:
    """Make the code, and packages that this Python lacks, importable.

    Args:
        home: folder with `code.zip` and `wheels`.
        site: where they are unpacked.
    """
    with zipfile.ZipFile(home / "code.zip") as code:
        code.extractall(site)
    sys.path.insert(0, str(site))
    if all(importlib.util.find_spec(name) for name in MISSING):
        return
    version = f"cp{sys.version_info.major}{sys.version_info.minor}"
    for wheel in sorted((home / "wheels").glob("*.whl")):
        tags = wheel.stem.split("-")[-3].split(".")
        if "py3" in tags or version in tags:
            with zipfile.ZipFile(wheel) as packed:
                packed.extractall(site / "packages")
    # Behind what is installed, which stays in use.
    sys.path.append(str(site / "packages"))
    importlib.invalidate_caches()
    if lacking := [name for name in MISSING if not importlib.util.find_spec(name)]:
        raise SystemExit(
            f"{', '.join(lacking)} cannot be imported, and {home / 'wheels'} has none for Python "
            f"{sys.version_info.major}.{sys.version_info.minor}. Pack again with --python."
        )


if __name__ == "__main__":
    began = time.monotonic()
    here = Path(__file__).resolve().parent
    unpack(here, here / "unpacked")

    from soundsift.training.portable.piece import main

    main(here, began)
