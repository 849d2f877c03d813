"""Separators as programs, one adapter a file; `serve.py` runs them."""

from __future__ import annotations

import hashlib
import importlib
import json
import shlex
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from soundsift.checkpoints.adapter import read_facts
from soundsift.checkpoints.store import find_model
from soundsift.errors import SoundsiftError
from soundsift.evaluation.systems.environment import find_environment, make_environment
from soundsift.fingerprint import file_digest

#: Modules of the adapters by the names that users type.
ADAPTERS = {
    "soundsift": "ours",
    "sam-audio": "sam_audio",
    "audiosep": "audiosep",
    "flowsep": "flowsep",
    "soloaudio": "soloaudio",
    "clapsep": "clapsep",
    "demucs": "demucs",
    "spleeter": "spleeter",
    "open-unmix": "open_unmix",
    "mossformer2": "mossformer2",
    "deepfilternet": "deepfilternet",
    "hpss": "hpss",
    "nmf": "nmf",
}
#: How an output is made of the stems of a system: it answers the prompt; or, with the right answer,
#: the nearest stem, or the sum of all stems nearer to the target than to the rest.
Choice = Literal["prompt", "nearest", "sum"]
#: Adapters that don't run without files from elsewhere, which their packages don't fetch.
_NEED_WEIGHTS = frozenset({"audiosep", "flowsep", "soloaudio", "clapsep"})
#: Endings of what identifies a model.
_WEIGHTS = frozenset({".bin", ".ckpt", ".json", ".pt", ".pth", ".safetensors", ".th", ".yaml"})


@dataclass(frozen=True)
class System:
    """A separator that is ready to be started.

    Attributes:
        name: in files and tables.
        title: what it is, with its version.
        command: the program.
        prompted: whether it answers prompts.
        choice: see `Choice`.
        version: what identifies it: its settings and the versions of what it runs with.
        text_only: whether it answers text and nothing else.
    """

    name: str
    title: str
    command: tuple[str, ...]
    prompted: bool
    choice: Choice
    version: Mapping[str, Any] = field(default_factory=dict)
    text_only: bool = False


@dataclass(frozen=True)
class Description:
    """What `soundsift systems` says of an adapter.

    Attributes:
        name, title: see `System`.
        prompted: whether it answers prompts.
        weights: where its weights are from.
        environment: `ours`, `ready` or `not made`.
    """

    name: str
    title: str
    prompted: bool
    weights: str
    environment: str


def describe(name: str) -> Description:
    """Describe an adapter without starting anything.

    Raises:
        SoundsiftError: there is none of this name.
    """
    module = _adapter(name)
    if module.REQUIREMENTS is None:
        environment = "ours"
    else:
        found = find_environment(name, module.REQUIREMENTS, module.REPOSITORY)
        environment = "ready" if found else "not made"
    return Description(name, module.TITLE, module.PROMPTED, module.WEIGHTS, environment)


def install_adapter(name: str, tell: Callable[[str], None] | None = None) -> str:
    """Make the environment of an adapter if it is missing.

    Args:
        name: one of `ADAPTERS`.
        tell: called with what takes long.

    Returns:
        What there is now, in words.

    Raises:
        SoundsiftError: there is no such adapter, or its environment can't be made.
    """
    module = _adapter(name)
    if module.REQUIREMENTS is None:
        return "runs in this environment"
    made = make_environment(name, module.REQUIREMENTS, module.REPOSITORY, tell)
    return f"{len(made.packages)} packages in {made.python.parents[1]}"


def open_adapter(
    name: str,
    settings: Mapping[str, Any],
    weights: Path | None = None,
    tell: Callable[[str], None] | None = None,
) -> System:
    """An adapter with its environment, which is made if it is missing.

    Args:
        name: one of `ADAPTERS`.
        settings: `model`, `adapter` and `preset` for our own.
        weights: folder or file of its weights, where they don't come with its package.
        tell: called with what takes long.

    Raises:
        SoundsiftError: there is no such adapter, its weights are missing, or its environment
            can't be made.
    """
    module = _adapter(name)
    if weights is None and name in _NEED_WEIGHTS:
        raise SoundsiftError(f"{module.TITLE} needs weights: {module.WEIGHTS}.")
    if weights is not None and not weights.exists():
        raise SoundsiftError(f"{weights}: no such file or folder. {name} needs {module.WEIGHTS}.")
    noted: dict[str, Any] = dict(settings) if name in _OUR_MODELS else {}
    given = _found(noted)
    packages: tuple[str, ...] = ()
    if weights is not None:
        given["weights"] = str(weights.resolve())
    file = Path(module.__file__ or "")
    serve = Path(__file__).with_name("serve.py")
    python = [sys.executable, "-m", f"{__name__}.serve"]
    if module.REQUIREMENTS is not None:
        made = make_environment(name, module.REQUIREMENTS, module.REPOSITORY, tell)
        packages = made.packages
        if made.source is not None:
            given["source"] = str(made.source)
        # -I: nothing of ours may shadow its packages.
        python = [str(made.python), "-I", str(serve)]
    version = {
        "adapter": file_digest(file),
        # Without the paths of this machine.
        "settings": noted,
        "packages": hashlib.sha256("\n".join(packages).encode()).hexdigest() if packages else None,
        "pins": list(module.REQUIREMENTS or ()),
        "repository": module.REPOSITORY or None,
        "weights": _weights_digest(weights or _OUR_MODELS.get(name, _no_model)(settings)),
    }
    if "adapter" in given:
        noted["adapter"] = Path(given["adapter"]).name
        version["adapter_weights"] = _weights_digest(Path(given["adapter"]))
    return System(
        name=name,
        title=module.TITLE,
        command=(*python, str(file), json.dumps(given)),
        prompted=module.PROMPTED,
        choice=module.CHOICE,
        version=version,
        text_only=module.PROMPTED and module.REQUIREMENTS is not None,
    )


def _found(settings: Mapping[str, Any]) -> dict[str, Any]:
    """Settings with absolute paths: the program runs in another folder.

    Raises:
        SoundsiftError: there is no such adapter of a model.
    """
    given = dict(settings)
    model = Path(settings.get("model", "default")).expanduser()
    if model.is_dir():
        given["model"] = str(model.resolve())
    if "adapter" in settings:
        adapter = Path(settings["adapter"]).expanduser()
        read_facts(adapter)
        given["adapter"] = str(adapter.resolve())
    return given


def open_command(name: str, command: str, prompted: bool = True) -> System:
    """Anyone's program, see `docs/benchmark.md`.

    Args:
        name: for files and tables.
        command: the program and its arguments, quoted as for a shell.
        prompted: whether it answers prompts; if not, the stem nearest to the target is scored.

    Raises:
        SoundsiftError: the name can't be a file name, or is that of an adapter; or the command is
            empty.
    """
    parts = shlex.split(command)
    if not parts or not name.replace("-", "").replace("_", "").replace(".", "").isalnum():
        raise SoundsiftError(
            f"--system {name}={command}: expected NAME=COMMAND, with a name of letters, digits, "
            "'-', '_' and '.'."
        )
    if name in ADAPTERS:
        raise SoundsiftError(f"--system {name}=...: {name} is an adapter's name. Use another.")
    # The program is found from where the user is: it runs in another folder.
    first = Path(parts[0])
    if first.exists() and first.parent != Path():
        parts[0] = str(first.resolve())
    files = [Path(part) for part in parts if Path(part).is_file()]
    version = {
        "command": [path.name if (path := Path(part)).is_file() else part for part in parts],
        "files": {path.name: file_digest(path) for path in files},
    }
    parts = [str(Path(part).resolve()) if Path(part).is_file() else part for part in parts]
    return System(name, name, tuple(parts), prompted, "prompt" if prompted else "nearest", version)


def _adapter(name: str) -> Any:
    if name not in ADAPTERS:
        raise SoundsiftError(
            f"There is no adapter {name!r}. Use one of {', '.join(ADAPTERS)}, or NAME=COMMAND."
        )
    return importlib.import_module(f"{__name__}.{ADAPTERS[name]}")


def _weights_digest(weights: Path | None) -> dict[str, str] | None:
    """SHA-256 of the configuration and of every file of weights."""
    if weights is None:
        return None
    files = [weights] if weights.is_file() else sorted(p for p in weights.rglob("*") if p.is_file())
    return {path.name: file_digest(path) for path in files if path.suffix in _WEIGHTS}


def _given_model(settings: Mapping[str, Any]) -> Path | None:
    return find_model(settings.get("model", "default"))


def _released_model(settings: Mapping[str, Any]) -> Path | None:
    del settings
    return find_model("facebook/sam-audio-small")


def _no_model(settings: Mapping[str, Any]) -> Path | None:
    del settings
    return None


#: Adapters of our own code, which take a model and its settings, and where the model is.
_OUR_MODELS: dict[str, Callable[[Mapping[str, Any]], Path | None]] = {
    "soundsift": _given_model,
    "sam-audio": _released_model,
}
