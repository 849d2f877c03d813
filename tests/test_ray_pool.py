"""The pool's decisions, with workers that live in this process and die when told to."""

from collections import Counter

import pytest

from soundsift.errors import SoundsiftError
from soundsift.ray_cluster import Cluster
from soundsift.ray_pool import Answer, Stages, ray_answers
from tests.fake_ray import FakeRay, Killed


@pytest.fixture
def ray():
    return FakeRay()


def answers(ray, compute, count, workers=3, **around):
    cluster = Cluster(ray, workers, 0.0, 1)
    tasks = ((number, number) for number in range(count))
    return list(ray_answers(cluster, Stages(compute, **around), tasks))


def test_every_task_is_done_once(ray):
    done = Counter()

    def compute(task):
        done[task] += 1
        return 10 * task

    found = answers(ray, compute, 20)
    assert sorted(one.number for one in found) == list(range(20))
    assert all(one.value == 10 * one.number for one in found)
    assert set(done.values()) == {1}
    assert len(ray.actors) == 3
    assert all(actor.dead for actor in ray.actors)


def test_no_more_workers_than_tasks(ray):
    assert len(answers(ray, str, 2, workers=8)) == 2
    assert len(ray.actors) == 2


def test_no_tasks_no_workers(ray):
    assert answers(ray, str, 0) == []
    assert not ray.actors


def test_a_worker_that_is_killed_is_replaced_and_its_task_repeated(ray):
    done = Counter()

    def compute(task):
        done[task] += 1
        if task == 4 and done[task] == 1:
            raise Killed
        return task

    found = answers(ray, compute, 12)
    assert sorted(one.value for one in found) == list(range(12))
    assert done == Counter(dict.fromkeys(range(12), 1) | {4: 2})


def test_a_task_that_kills_its_worker_is_given_up_and_stops_no_other(ray):
    done = Counter()

    def compute(task):
        done[task] += 1
        if task in (4, 5):
            raise Killed
        return task

    found = {one.number: one for one in answers(ray, compute, 30)}
    assert sorted(found) == list(range(30))
    assert [number for number, one in found.items() if one.error] == [4, 5]
    assert "3 attempts" in found[4].error
    assert "killed" in found[4].error
    assert done == Counter(dict.fromkeys(range(30), 1) | {4: 3, 5: 3})


def test_an_exception_costs_its_task_alone(ray):
    def compute(task):
        if task == 3:
            raise KeyError("the third")
        return task

    found = {one.number: one for one in answers(ray, compute, 8)}
    assert found.pop(3) == Answer(3, None, "given up after 3 attempts: 'the third'")
    assert all(one.error is None for one in found.values())


def test_a_model_that_cannot_be_loaded_ends_the_run(ray):
    def compute(task):
        raise SoundsiftError("no such model")

    with pytest.raises(SoundsiftError, match="no such model"):
        answers(ray, compute, 8)


def test_workers_that_all_die_end_the_run(ray):
    def compute(task):
        raise Killed

    with pytest.raises(SoundsiftError, match="Use fewer --workers"):
        answers(ray, compute, 1000)


def test_stages_around_the_worker(ray):
    found = answers(ray, lambda x: x + 1, 9, before=lambda x: 10 * x, after=str)
    assert {one.number: one.value for one in found} == {n: str(10 * n + 1) for n in range(9)}
