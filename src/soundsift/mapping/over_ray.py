"""Rows of a map over the workers of a Ray cluster."""

from __future__ import annotations

from collections.abc import Generator
from functools import partial

from soundsift.mapping.config import MapConfig
from soundsift.mapping.pending import PendingRows
from soundsift.mapping.row import RowResults, RowSeparator, decode, encode, failed
from soundsift.ray_cluster import Cluster, accelerated, ray_cluster
from soundsift.ray_pool import Stages, ray_answers


def answers_over_ray(
    rows: PendingRows,
    config: MapConfig,
    device: str | None,
    address: str | None,
    workers: int | None,
) -> Generator[tuple[int, RowResults], None, None]:
    """The results of rows, as they come.

    Args:
        rows: the rows.
        config: the map.
        device: as for `soundsift.load`, in a worker.
        address: as for `ray_cluster`.
        workers: as for `ray_cluster`.

    Raises:
        SoundsiftError: Ray can't be used, or no worker can live or load the model.
    """
    with ray_cluster(address, workers, processors_only=device == "cpu") as cluster:
        apart = accelerated(cluster, address, device)
        yield from answers_of(cluster, rows, row_stages(config, device, apart=apart))


def row_stages(config: MapConfig, device: str | None, *, apart: bool) -> Stages:
    """What is done with a row.

    Args:
        config: the map.
        device: as for `soundsift.load`.
        apart: whether processors decode and encode while the worker separates. Where a worker
            computes on a processor itself, this would only move samples between processes.
    """
    worker = RowSeparator(config, device)
    if not apart:
        return Stages(worker.whole)
    return Stages(worker.separate, before=decode, after=partial(encode, config))


def answers_of(
    cluster: Cluster, rows: PendingRows, stages: Stages
) -> Generator[tuple[int, RowResults], None, None]:
    """The results of rows on a cluster, as they come."""
    for answer in ray_answers(cluster, stages, rows):
        row = rows.row(answer.number)
        yield answer.number, answer.value or failed(row, f"The row was {answer.error}.")
