"""ONNX graphs of networks, with their weights in half precision where that loses nothing."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from soundsift.optional import library, without_warnings

#: Understood by every ONNX Runtime since 1.14.
OPSET = 18
#: Smaller weights are not worth a cast.
_SMALLEST = 4096
#: Error that nothing shows: the smallest number of float16.
_LOST = 2.0**-24
#: Axes that may have any length, and their shortest.
_AXES = {"batch": 1, "frames": 1, "tokens": 1, "phrases": 1}


def write_graph(
    network: nn.Module,
    path: Path,
    examples: Mapping[str, Tensor],
    axes: Mapping[str, Sequence[str]],
    output: str,
) -> None:
    """Write a network as an ONNX graph, with its weights in the same file.

    Args:
        network: in eval mode.
        path: the file.
        examples: an input of each name, in the order of `forward`; axes of any length must be 2 or
            longer and differ.
        axes: for each input, the names of its first axes, which may have any length.
        output: name of the output.

    Raises:
        SoundsiftError: ONNX is not installed.
    """
    onnx = library("onnx", "ONNX files", "onnx")
    library("onnxscript", "ONNX files", "onnx")
    kinds = {name: torch.export.Dim(name, min=least) for name, least in _AXES.items()}
    shapes = [dict(enumerate(kinds[axis] for axis in axes[name])) for name in examples]
    with _plain_attention(), without_warnings(), warnings.catch_warnings(), torch.no_grad():
        # They are about PyTorch's own parts: users can't mend them.
        warnings.simplefilter("ignore")
        # Networks keep constants when they are first used, and must not keep the export's
        # stand-ins for them.
        network(*examples.values())
        program = torch.onnx.export(
            network,
            tuple(examples.values()),
            input_names=list(examples),
            output_names=[output],
            dynamic_shapes=tuple(shapes),
            dynamo=True,
            opset_version=OPSET,
            optimize=False,
            verbose=False,
        )
    assert program is not None
    model = program.model_proto
    _halve(model, onnx)
    del model.metadata_props[:]
    for node in model.graph.node:
        # Where each line of the network stands in the source, with the exporting machine's paths.
        del node.metadata_props[:]
        node.doc_string = ""
    onnx.save(model, path)


@contextmanager
def _plain_attention() -> Iterator[None]:
    """PyTorch's own encoder layers as the operations that they are made of."""
    before = torch.backends.mha.get_fastpath_enabled()
    torch.backends.mha.set_fastpath_enabled(False)
    try:
        yield
    finally:
        torch.backends.mha.set_fastpath_enabled(before)


def _halve(model: Any, onnx: Any) -> None:
    """Store large weights in float16, where nothing or little is lost.

    Matrices that float16 holds exactly, as it does those of bfloat16 but for the tiniest numbers,
    are cast back in front of their users, which runtimes do once, when they load the graph. Tables,
    whose rows are looked up, are halved in any case, and the rows are cast.
    """
    casts: list[tuple[Any, Any]] = []  # each behind a node, or in front of all
    for weight in model.graph.initializer:
        if weight.data_type != onnx.TensorProto.FLOAT or np.prod(weight.dims) < _SMALLEST:
            continue
        values = onnx.numpy_helper.to_array(weight)
        half = values.astype(np.float16)
        name, stored = weight.name, f"{weight.name}.half"
        users = [node for node in model.graph.node if name in node.input]
        if all(node.op_type == "Gather" and node.input[0] == name for node in users):
            for user in users:
                rows = user.output[0]
                user.input[0], user.output[0] = stored, f"{rows}.half"
                casts.append((user, _cast(onnx, f"{rows}.half", rows)))
        elif np.abs(half.astype(np.float32) - values).max() <= _LOST:
            casts.append((None, _cast(onnx, stored, name)))
        else:
            continue
        weight.CopyFrom(onnx.numpy_helper.from_array(half, stored))
    nodes = list(model.graph.node)
    for user, cast in casts:
        nodes.insert(0 if user is None else nodes.index(user) + 1, cast)
    del model.graph.node[:]
    model.graph.node.extend(nodes)


def _cast(onnx: Any, source: str, result: str) -> Any:
    return onnx.helper.make_node(
        "Cast", [source], [result], name=f"cast.{result}", to=onnx.TensorProto.FLOAT
    )
