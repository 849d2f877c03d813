"""Networks of the Transformers library: build one and load its weights strictly."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from soundsift.checkpoints.hub import read_config
from soundsift.checkpoints.state_dict import check_names
from soundsift.errors import SoundsiftError, one_line
from soundsift.optional import library, without_warnings

_SUFFIXES = {".safetensors", ".bin", ".pt"}


def load_pretrained(
    name: str,
    folder: Path | None = None,
    *,
    config: Any = None,
    weights: dict[str, Tensor] | None = None,
    source: str | Path | None = None,
    dtype: torch.dtype,
    device: torch.device | str,
) -> Any:
    """One of Transformers' networks with its weights, in eval mode, without gradients.

    The library builds it without memory for weights, then assigns them. Buffers that need float32,
    such as rotary frequencies, stay in float32.

    Args:
        name: name of the network's class.
        folder: folder with `config.json` and weights; None if the next two are given.
        config: the network's configuration.
        weights: weights by name.
        source: where they come from, for messages; the folder unless given.
        dtype: type of its weights.
        device: where it goes.

    Raises:
        SoundsiftError: if Transformers is missing, the folder cannot be read, or names or shapes
            differ.
    """
    with without_warnings():  # it is imported only now
        network = getattr(library("transformers"), name)
    source = folder if source is None else source
    assert source is not None
    if folder is not None:
        read_config(folder)  # checks sizes, before anything is built from them
    try:
        with _quiet():
            if folder is not None:
                _check_size(network, folder)
            model, report = network.from_pretrained(
                folder,
                config=config,
                state_dict=weights,
                dtype=dtype,
                local_files_only=True,
                output_loading_info=True,
                ignore_mismatched_sizes=True,  # reported below, with the names
            )
    except SoundsiftError:
        raise
    except Exception as error:  # of a damaged file or configuration, the library raises anything
        raise SoundsiftError(f"{source}: not a {name}, or damaged: {one_line(error)}.") from error
    shapes = [
        f"{key} is {tuple(given)}, expected {tuple(expected)}"
        for key, given, expected in report["mismatched_keys"]
    ]
    check_names(report["missing_keys"], report["unexpected_keys"], shapes, source)
    return model.to(device).eval().requires_grad_(False)


def _check_size(network: Any, folder: Path) -> None:
    """Refuse a configuration that asks for more weights than the files hold.

    The library would make up those that are missing, and fill the memory with them.

    Args:
        network: the network's class.
        folder: with `config.json` and weights.

    Raises:
        SoundsiftError: if the files are too small.
    """
    config = network.config_class.from_pretrained(folder, local_files_only=True)
    with torch.device("meta"):
        count = sum(weight.numel() for weight in network(config).parameters())
    size = sum(path.stat().st_size for path in folder.iterdir() if path.suffix in _SUFFIXES)
    if count > size:  # a weight has a byte at least
        raise SoundsiftError(
            f"{folder}: its configuration asks for {count} weights, more than its files of "
            f"{size} bytes hold. Use a whole, undamaged copy."
        )


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence Transformers' progress bar and table of differences, which become errors here."""
    logging = library("transformers.utils.logging")
    verbosity, bar = logging.get_verbosity(), logging.is_progress_bar_enabled()
    logging.set_verbosity_error()
    logging.disable_progress_bar()
    try:
        yield
    finally:
        logging.set_verbosity(verbosity)
        if bar:
            logging.enable_progress_bar()
