"""The pool's decisions, with workers that live in this process and die when told to."""

from collections import Counter
from types import SimpleNamespace

import pytest

from soundsift.errors import SoundsiftError
from soundsift.ray_cluster import Cluster
from soundsift.ray_pool import Answer, Stages, ray_answers


class RayError(Exception):
    cause = None


class ActorDiedError(RayError):
    pass


class Killed(BaseException):
    """The process of the worker is gone."""


class Ref:
    def __init__(self, make):
        self.make, self.outcome = make, None

    def get(self):
        if self.outcome is None:
            try:
                self.outcome = (self.make(), None)
            except RayError as error:
                self.outcome = (None, error)
            except Exception as error:
                raised = RayError(str(error))
                raised.cause = error
                self.outcome = (None, raised)
        value, error = self.outcome
        if error is not None:
            raise error
        return value


class Actor:
    def __init__(self, made):
        self.made, self.dead, self.queue = made, False, []
        self.do, self.ready = (
            SimpleNamespace(remote=lambda *given, name=name: self.call(name, given))
            for name in ("do", "ready")
        )

    def call(self, name, given):
        def run():
            for earlier in self.queue[: self.queue.index(ref)]:
                if earlier.outcome is None:
                    earlier.outcome = (None, ActorDiedError()) if self.dead else None
            if self.dead:
                raise ActorDiedError()
            try:
                return getattr(self.made, name)(*(resolved(one) for one in given))
            except Killed:
                self.dead = True
                raise ActorDiedError() from None

        ref = Ref(run)
        self.queue.append(ref)
        return ref


def resolved(value):
    return value.get() if isinstance(value, Ref) else value


class Ray:
    """What the pool uses of Ray."""

    exceptions = SimpleNamespace(RayError=RayError, RayActorError=ActorDiedError)

    def __init__(self):
        self.actors = []

    def put(self, value):
        return Ref(lambda: value)

    def get(self, ref):
        return ref.get()

    def wait(self, refs, num_returns, timeout):
        return refs[:num_returns], refs[num_returns:]

    def kill(self, actor):
        actor.dead = True

    def remote(self, **options):
        def of(thing):
            if isinstance(thing, type):
                return SimpleNamespace(remote=lambda *given: self.start(thing, given))
            return SimpleNamespace(
                remote=lambda *given: Ref(lambda: thing(*(resolved(one) for one in given)))
            )

        return of

    def start(self, thing, given):
        self.actors.append(Actor(thing(*(resolved(one) for one in given))))
        return self.actors[-1]


@pytest.fixture
def ray():
    return Ray()


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
