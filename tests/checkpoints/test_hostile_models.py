"""Model folders that were damaged or prepared: each is loaded, or refused with one sentence."""

import copy
import json
import random
import resource
import shutil
import time
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml
from tests.released import TINY_VISION, write_released
from tests.tiny_model import write_tiny_model

import soundsift
from soundsift.checkpoints import pe_vision
from soundsift.checkpoints.convert import convert
from soundsift.errors import SoundsiftError

pytest.importorskip("transformers", reason="the released models need the extra `released`")
pytestmark = [pytest.mark.slow, pytest.mark.hostile]

COUNT = 600
#: Loading takes a second where nothing is wrong; the first also imports Transformers.
SECONDS, MEGABYTES = 60.0, 2500
ODD_VALUES: tuple[Any, ...] = (
    *(0, -1, True, None, 1e308, float("nan"), float("inf"), 10**9, 10**30),
    *("x", "9" * 5000, "../../x", [], {}, [[[]]] * 3),
)


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """Our form and the released one, each as written and converted to eight bits."""
    root = tmp_path_factory.mktemp("models")
    folders = [write_tiny_model(root / "tiny"), write_released(root / "released")]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pe_vision, "CONFIGS", {"PE-Core-L14-336": TINY_VISION})
        for folder in folders[:2]:
            convert(folder, root / f"{folder.name}-int8", "int8")
            folders.append(root / f"{folder.name}-int8")
    return folders


def test_mutated_folders(
    folders: list[Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    record_property: Callable[[str, object], None],
) -> None:
    monkeypatch.setattr(pe_vision, "CONFIGS", {"PE-Core-L14-336": TINY_VISION})
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    numbers, outcomes = random.Random(0), Counter[str]()
    for _ in range(COUNT):
        folder = tmp_path / "model"
        shutil.rmtree(folder, ignore_errors=True)
        shutil.copytree(numbers.choice(folders), folder)
        damaged = damage(folder, numbers)
        begin = time.monotonic()
        try:
            soundsift.load(folder, device="cpu").model.text.encode_batch(["w5"])
            outcomes["loaded"] += 1
        except SoundsiftError as error:
            assert "\n" not in str(error) and len(str(error)) < 1500, damaged
            outcomes["refused"] += 1
        assert time.monotonic() - begin < SECONDS, damaged
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
        assert peak < MEGABYTES, damaged
    record_property("tried", COUNT)
    print(f"{COUNT} model folders: {dict(outcomes)}; {peak} MB at most")
    assert min(outcomes["loaded"], outcomes["refused"]) > 0


def damage(folder: Path, numbers: random.Random) -> str:
    """Change one file; without the manifest, which would tell, in half of the cases."""
    file = numbers.choice(sorted(path for path in folder.rglob("*") if path.is_file()))
    if numbers.random() < 0.5 and file.name != "manifest.json":
        (folder / "manifest.json").unlink(missing_ok=True)
    if file.suffix in (".json", ".yaml") and numbers.random() < 0.6:
        read, write = (yaml.safe_load, yaml.safe_dump)
        if file.suffix == ".json":
            read, write = (json.loads, json.dumps)
        file.write_text(write(changed_data(read(file.read_text()), numbers)))
    else:
        file.write_bytes(changed_bytes(file.read_bytes(), numbers))
    return f"{file.relative_to(folder)}: {file.read_bytes()[:2000]!r}"


def changed_data(data: Any, numbers: random.Random) -> Any:
    """Delete some values or replace them by odd ones."""
    for _ in range(numbers.choice((1, 1, 2, 5))):
        parent, key = numbers.choice(list(places(data)) or [(None, None)])
        if parent is None:
            return data
        if isinstance(parent, dict) and numbers.random() < 0.2:
            del parent[key]
        else:
            parent[key] = copy.deepcopy(numbers.choice(ODD_VALUES))
    return data


def places(data: Any) -> list[tuple[Any, Any]]:
    """Every container in some data, with each of its keys."""
    if not isinstance(data, dict | list):
        return []
    keys = list(data) if isinstance(data, dict) else range(len(data))
    return [(data, key) for key in keys] + [place for key in keys for place in places(data[key])]


def changed_bytes(data: bytes, numbers: random.Random) -> bytes:
    """Flip, cut, insert, repeat and overwrite some bytes, more often near the beginning."""
    content = bytearray(data)
    for _ in range(numbers.choice((1, 1, 3, 10, 100))):
        if not content:
            break
        at = numbers.randrange(min(len(content), numbers.choice((64, 1024, len(content)))))
        kind = numbers.randrange(5)
        if kind == 0:
            content[at] ^= 1 << numbers.randrange(8)
        elif kind == 1:
            del content[at : at + numbers.choice((1, 8, 100, len(content)))]
        elif kind == 2:
            content[at:at] = numbers.randbytes(numbers.choice((1, 8, 100)))
        elif kind == 3:
            other = numbers.randrange(len(content))
            content[at : at + 16] = content[other : other + 16]
        else:
            content[at : at + 8] = (2 ** numbers.choice((31, 32, 63)) - 1).to_bytes(8, "little")
    return bytes(content)
