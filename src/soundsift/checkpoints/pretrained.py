"""Networks of the Transformers library: build one and load its weights strictly."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from soundsift.checkpoints.state_dict import check_names
from soundsift.errors import SoundsiftError, one_line
from soundsift.optional import library, without_warnings


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
    try:
        with _quiet():
            model, report = network.from_pretrained(
                folder,
                config=config,
                state_dict=weights,
                dtype=dtype,
                local_files_only=True,
                output_loading_info=True,
                ignore_mismatched_sizes=True,  # reported below, with the names
            )
    except Exception as error:  # of a damaged file or configuration, the library raises anything
        raise SoundsiftError(f"{source}: not a {name}, or damaged: {one_line(error)}.") from error
    shapes = [
        f"{key} is {tuple(given)}, expected {tuple(expected)}"
        for key, given, expected in report["mismatched_keys"]
    ]
    check_names(report["missing_keys"], report["unexpected_keys"], shapes, source)
    return model.to(device).eval().requires_grad_(False)


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
