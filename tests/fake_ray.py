"""What the pool uses of Ray, with workers that live in this process and die when told to."""

from types import SimpleNamespace


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


class FakeRay:
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
