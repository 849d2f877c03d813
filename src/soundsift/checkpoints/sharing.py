"""Models on the Hugging Face Hub: the model card, upload and download.

Only models of soundsift's own form are shared, whose files hold no code: YAML, JSON and
safetensors. Nothing here runs unless it is asked for; `soundsift.load` never downloads.
"""

from __future__ import annotations

import re
import shutil
import tempfile
from pathlib import Path
from typing import Any

import yaml

from soundsift.checkpoints.store import CONFIG, WEIGHTS, load_config
from soundsift.config import MelCodecConfig
from soundsift.errors import SoundsiftError, one_line
from soundsift.optional import library

CARD = "README.md"
#: Suffixes of the files that belong to a model.
_SHARED = {".yaml", ".safetensors", ".json", ".md", ".png"}
_NAME = re.compile(r"[\w.-]+/[\w.-]+")
_TAGS = ["audio", "source-separation", "sound-separation", "text-prompt", "flow-matching"]
_NEEDED_BY = "models on the Hub"


def model_card(folder: Path, repository: str, licence: str) -> str:
    """The card of a model, with the metadata that the Hub reads.

    Args:
        folder: the model's.
        repository: its name on the Hub, "me/my-model".
        licence: identifier of its licence, as the Hub has it: "apache-2.0".

    Raises:
        SoundsiftError: the folder holds no model of soundsift's form.
    """
    config = load_config(folder)
    metadata = {
        "license": licence,
        "library_name": "soundsift",
        "pipeline_tag": "audio-to-audio",
        "language": ["en"],
        "tags": _TAGS,
    }
    size = config.field.transformer
    codec = "mel shares" if isinstance(config.codec, MelCodecConfig) else "DAC-VAE"
    provenance = folder / "provenance.md"
    more = "\nWhat it was trained on: [provenance.md](provenance.md).\n" * provenance.is_file()
    return f"""---
{yaml.safe_dump(metadata, sort_keys=False).rstrip()}
---

# {config.name}

Lifts a sound out of a recording: name it, or mark when it is heard. A model for
[soundsift](https://pypi.org/project/soundsift), an open implementation of SAM Audio
(arXiv 2512.18099).

```python
import soundsift

separator = soundsift.Separator.from_pretrained("{repository}")
result = separator.separate("street.wav", text="dog barking")
result.save("stems", "street")
```

| | |
|---|---|
| network | diffusion transformer, {size.layers} blocks, {size.dim} wide, {size.heads} heads |
| codec | {codec} |
| text encoder | {config.text_encoder} |
| windows | {config.window_seconds:g} s, overlapping by {config.overlap_seconds:g} s |
{more}"""


def push(
    folder: Path,
    repository: str,
    licence: str,
    *,
    private: bool = False,
    token: str | None = None,
) -> str:
    """Upload a model, with a card unless its folder has one.

    Args:
        folder: a model of soundsift's form.
        repository: its name on the Hub, "me/my-model"; made if missing.
        licence: as for `model_card`.
        private: whether a new repository is private.
        token: the Hub's; the one of `hf auth login` unless given.

    Returns:
        The address of the commit.

    Raises:
        SoundsiftError: the folder holds no such model, the name is none, or the Hub refuses.
    """
    _check_name(repository)
    if not (folder / CONFIG).is_file() or not (folder / WEIGHTS).is_file():
        raise SoundsiftError(
            f"{folder} is no model of soundsift's form, and only those are shared. Released models "
            "are on the Hub already."
        )
    hub = library("huggingface_hub", _NEEDED_BY)
    with tempfile.TemporaryDirectory() as prepared:
        for path in sorted(folder.rglob("*")):
            if path.is_file() and path.suffix in _SHARED:
                target = Path(prepared) / path.relative_to(folder)
                target.parent.mkdir(parents=True, exist_ok=True)
                shutil.copyfile(path, target)
        if not (folder / CARD).is_file():
            card = model_card(folder, repository, licence)
            (Path(prepared) / CARD).write_text(card, encoding="utf-8")
        try:
            api = hub.HfApi(token=token)
            api.create_repo(repository, private=private, exist_ok=True)
            commit = api.upload_folder(
                repo_id=repository, folder_path=prepared, commit_message="Upload a soundsift model"
            )
        except (OSError, ValueError) as error:
            raise SoundsiftError(
                f"{repository} can't be written ({one_line(error)}). Log in with `hf auth login`, "
                "and check the name."
            ) from error
    return str(commit)


def download(repository: str, revision: str | None = None, token: str | None = None) -> Path:
    """Fetch a model into the Hub's cache; its folder there.

    Args:
        repository: its name on the Hub.
        revision: a branch, tag or commit.
        token: as for `push`.

    Raises:
        SoundsiftError: there is none, or it can't be fetched.
    """
    _check_name(repository)
    hub = library("huggingface_hub", _NEEDED_BY)
    patterns = [f"*{suffix}" for suffix in sorted(_SHARED)]
    try:
        found: Any = hub.snapshot_download(
            repository, revision=revision, token=token, allow_patterns=patterns
        )
    except (OSError, ValueError) as error:
        raise SoundsiftError(
            f"{repository} can't be fetched from the Hub ({one_line(error)}). Check its name and "
            "your access."
        ) from error
    return Path(found)


def _check_name(repository: str) -> None:
    if not _NAME.fullmatch(repository):
        raise SoundsiftError(
            f"{repository!r} is no name on the Hub. Give owner and name: me/my-model."
        )
