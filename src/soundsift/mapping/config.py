"""What decides the results of a map."""

from __future__ import annotations

from pathlib import Path

from pydantic import BaseModel, ConfigDict, Field

from soundsift.mapping.rows import Container


class MapConfig(BaseModel):
    """What decides the results of a map.

    Attributes:
        model, adapter: as for `soundsift.load`.
        preset, seed: of the separation.
        text: the prompt of rows without one.
        stems: which stems are written.
        container: of the results; None: that of the manifest.
        rows: rows of a part.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    model: str = "default"
    adapter: Path | None = None
    preset: str = "standard"
    seed: int = 0
    text: str | None = None
    stems: tuple[str, ...] = ("target", "residual")
    container: Container | None = None
    rows: int = Field(default=64, ge=1)
