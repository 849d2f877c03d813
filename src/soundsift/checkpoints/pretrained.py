"""Networks that the Transformers library has: build and fill one strictly."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import Tensor

from soundsift.checkpoints.state_dict import check_names
from soundsift.errors import SoundsiftError
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

    The library builds it without memory for weights, then puts them in. It leaves buffers that
    need float32, such as rotary frequencies, in it.

    Args:
        name: of the network's class.
        folder: with `config.json` and weights; or None, then with the next two.
        config: the network's configuration.
        weights: by name.
        source: to name in messages; the folder unless given.
        dtype: of its weights.
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
    except (OSError, ValueError, RuntimeError, SafetensorError) as error:
        reason = str(error).partition("\n")[0]
        raise SoundsiftError(f"{source}: not a {name}, or damaged: {reason}") from error
    shapes = [
        f"{key} is {tuple(given)}, expected {tuple(expected)}"
        for key, given, expected in report["mismatched_keys"]
    ]
    check_names(report["missing_keys"], report["unexpected_keys"], shapes, source)
    return model.to(device).eval().requires_grad_(False)


@contextmanager
def _quiet() -> Iterator[None]:
    """Without Transformers' progress bar and table: what is wrong becomes an error here."""
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
