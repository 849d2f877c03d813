"""`soundsift export`: write the model for other programs, and for the browser."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from soundsift.cli.console import say
from soundsift.cli.options import Overwrite
from soundsift.cli.requirements import need

HELP = "Write the default model for other programs, and for the browser."
ONNX_EXAMPLES = """Examples:

\b
soundsift export onnx
soundsift export onnx --output graphs --overwrite
"""
PAGE_EXAMPLES = """Examples:

\b
soundsift export page site
python3 -m http.server --directory site 8000
"""

Model = Annotated[
    str,
    typer.Option(
        metavar="NAME_OR_FOLDER", help="The default model, or one trained with its configuration."
    ),
]


def onnx(
    output: Annotated[
        Path, typer.Option(metavar="FOLDER", help="Where to; made if missing.")
    ] = Path("soundsift-onnx"),
    model: Model = "default",
    overwrite: Overwrite = False,
) -> None:
    """Write the model as ONNX graphs.

    The folder holds the separator, the text encoder with its tokenizer, the hearing network, and
    settings.json with everything else that a program needs to run them.
    """
    need("onnx", "onnx", "onnxscript")

    from soundsift.export.onnx_folder import export_onnx

    files = export_onnx(model, output, overwrite=overwrite)
    say(f"Wrote {output}:")
    for file in files:
        say(f"  {file.name:16} {file.bytes / 1e6:>6.1f} MB  SHA-256 {file.sha256}")


def page(
    folder: Annotated[
        Path,
        typer.Argument(metavar="FOLDER", help="Where to; made if missing.", show_default=False),
    ],
    model: Model = "default",
    runtime: Annotated[
        Path | None,
        typer.Option(
            metavar="FILE",
            help="The npm package of ONNX Runtime, onnxruntime-web.",
            show_default="fetched with npm the first time",
        ),
    ] = None,
    overwrite: Overwrite = False,
) -> None:
    """Write a page that separates in the browser, without a server and without an upload.

    The folder can be put on any web server that serves files. On this machine,
    `python3 -m http.server --directory FOLDER` shows it at http://localhost:8000.
    """
    need("onnx", "onnx", "onnxruntime", "onnxscript")

    from soundsift.export.web_page import export_page

    files = export_page(model, folder, runtime=runtime, overwrite=overwrite)
    say(f"Wrote {folder}: {len(files)} files, {sum(file.bytes for file in files) / 1e6:.0f} MB.")
    say(f"To see it: python3 -m http.server --directory {folder} 8000")
