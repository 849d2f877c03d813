"""The example notebook runs from top to bottom."""

import json
import sys
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

NOTEBOOK = Path(__file__).parents[1] / "examples" / "first_steps.ipynb"


def test_the_notebook_runs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    played: list[np.ndarray] = []
    display = ModuleType("IPython.display")
    display.Audio = lambda samples, rate: played.append(samples)  # type: ignore[attr-defined]
    display.display = lambda *_: None  # type: ignore[attr-defined]
    monkeypatch.setitem(sys.modules, "IPython", ModuleType("IPython"))
    monkeypatch.setitem(sys.modules, "IPython.display", display)
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    cells = json.loads(NOTEBOOK.read_text(encoding="utf-8"))["cells"]
    for cell in cells:
        if cell["cell_type"] == "code":
            assert not cell["outputs"], "clear the outputs before committing"
            exec("".join(cell["source"]), names)
    assert len(played) == 6
    # The last three share the recording: they add up to it.
    assert np.allclose(sum(played[3:]), played[0] + played[1], atol=1e-5)
    assert {path.name for path in (tmp_path / "stems").iterdir()} == {
        "farm.cow.json",
        "farm.cow.residual.wav",
        "farm.cow.target.wav",
    }
