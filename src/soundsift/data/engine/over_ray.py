"""Excerpts over the workers of a Ray cluster."""

from __future__ import annotations

from collections.abc import Generator

from soundsift.data.engine.config import EngineConfig
from soundsift.data.engine.excerpts import PendingExcerpts
from soundsift.data.engine.labelling import LabelledExcerpt, Labeller, encode
from soundsift.ray_cluster import Cluster, accelerated, ray_cluster
from soundsift.ray_pool import Stages, ray_answers


def answers_over_ray(
    pending: PendingExcerpts,
    config: EngineConfig,
    device: str | None,
    address: str | None,
    workers: int | None,
) -> Generator[tuple[int, LabelledExcerpt], None, None]:
    """What came of excerpts, as they are done.

    Args:
        pending: the excerpts, which this process reads.
        config: the run.
        device: as for `soundsift.load`, in a worker.
        address: as for `ray_cluster`.
        workers: as for `ray_cluster`.

    Raises:
        SoundsiftError: Ray can't be used, or no worker can live or load the models.
    """
    with ray_cluster(address, workers, processors_only=device == "cpu") as cluster:
        apart = accelerated(cluster, address, device)
        yield from answers_of(cluster, pending, label_stages(config, device, apart=apart))


def label_stages(config: EngineConfig, device: str | None, *, apart: bool) -> Stages:
    """What is done with an excerpt.

    Args:
        config: the run.
        device: as for `soundsift.load`.
        apart: whether processors encode while the worker labels. Where a worker computes on a
            processor itself, this would only move samples between processes.
    """
    worker = Labeller(config, device)
    return Stages(worker.label, after=encode) if apart else Stages(worker.whole)


def answers_of(
    cluster: Cluster, pending: PendingExcerpts, stages: Stages
) -> Generator[tuple[int, LabelledExcerpt], None, None]:
    """What came of excerpts on a cluster, as they are done."""
    for answer in ray_answers(cluster, stages, pending):
        lost = LabelledExcerpt("", 0.0, {}, {}, f"An excerpt was {answer.error}.")
        yield answer.number, answer.value or lost
