"""A static page that separates recordings in the browser, written into a folder."""

from __future__ import annotations

import json
import shutil
from importlib.resources import as_file, files
from pathlib import Path

from soundsift.checkpoints.store import find_model
from soundsift.export.networks import load_networks
from soundsift.export.onnx_folder import (
    ExportedFile,
    described,
    joint_digest,
    whole_folder,
    write_onnx,
)
from soundsift.export.web_runtime import write_runtime

#: Folders of the page: the graphs, and ONNX Runtime.
MODEL, RUNTIME = "model", "runtime"
#: Sizes of all files, for the page's progress; and what the service worker's version stands as.
FILES, SERVICE_WORKER = "files.json", "service-worker.js"
_VERSION = "VERSION_OF_THE_PAGE"


def export_page(
    model: str | Path, folder: Path, *, runtime: Path | None = None, overwrite: bool = False
) -> list[ExportedFile]:
    """Write a page that separates in the browser, to be served by any web server.

    Args:
        model: a name from `soundsift models list`, or a model's folder.
        folder: made if missing; the files appear in it together or not at all.
        runtime: the npm package of ONNX Runtime; fetched with npm unless given.
        overwrite: whether a folder that is there may be replaced.

    Returns:
        The files.

    Raises:
        SoundsiftError: the model can't be exported, something that the page needs is missing, or
            the folder exists or can't be written.
    """
    place = find_model(model)
    with whole_folder(folder, overwrite=overwrite) as draft:
        write_shell(draft)
        (draft / RUNTIME).mkdir()
        write_runtime(draft / RUNTIME, runtime)
        (draft / MODEL).mkdir()
        write_onnx(load_networks(place), draft / MODEL)
        stamp(draft)
        return described(draft)


def write_shell(folder: Path) -> None:
    """Write the page without the model and the runtime."""
    with as_file(files("soundsift.export") / "page") as page:
        shutil.copytree(page, folder, dirs_exist_ok=True)
    assets = files("soundsift") / "assets"
    copies = (("palette.css", "palette.css"), ("farm.flac", "farm.flac"), ("README.md", "farm.txt"))
    for name, written in copies:
        (folder / written).write_bytes((assets / name).read_bytes())


def stamp(folder: Path) -> None:
    """Note the files of a page in it, and a version that changes with any of them."""
    written = described(folder)
    sizes = {file.name: file.bytes for file in written if file.name != SERVICE_WORKER}
    listed = {"files": sizes}
    (folder / FILES).write_text(json.dumps(listed, indent=1) + "\n", encoding="utf-8")
    worker = folder / SERVICE_WORKER
    source = worker.read_text(encoding="utf-8").replace(_VERSION, joint_digest(written)[:16])
    worker.write_text(source, encoding="utf-8")
