"""Sessions of listeners: stages, the present trial, and what its answer does."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import Any, Literal

import numpy as np

from soundsift.evaluation.listening_test import headphones
from soundsift.evaluation.listening_test.answers import Answer, Answers, Listener, Ratings
from soundsift.evaluation.listening_test.design import (
    AXES,
    WORDING,
    Stimulus,
    TestItem,
    Trial,
    plan_session,
)
from soundsift.evaluation.listening_test.folder import TestFolder

Stage = Literal["headphones", "refused", "trial", "done"]
Part = Literal["mixture", "a", "b", "video"]


class Sessions:
    """Sessions of a test. Methods may be called from any thread.

    Args:
        folder: the test.
        answers: its database.
    """

    def __init__(self, folder: TestFolder, answers: Answers) -> None:
        self._folder, self._answers = folder, answers
        self._lock = threading.Lock()

    def begin(self) -> str:
        """Begin a session; the listener's random id."""
        settings, description = self._folder.settings, self._folder.description
        # One at a time: each plan depends on those before it.
        with self._lock:
            number = self._answers.next_number()
            rng = np.random.default_rng((settings.seed, number))
            gold = [item.id for item in description.gold]
            plan = plan_session(description.items, gold, settings, self._answers.taken(), rng)
            return self._answers.add_listener(number, plan)

    def listener(self, identity: str) -> Listener | None:
        """A listener by id; None if there is none."""
        return self._answers.listener(identity)

    def stage(self, listener: Listener) -> Stage:
        """Where a session is."""
        wanted = self._folder.settings.headphones
        if wanted != "off" and listener.headphones is None:
            return "headphones"
        if wanted == "require" and not listener.headphones:
            return "refused"
        return "trial" if self._answers.count(listener.id) < len(listener.plan) else "done"

    def state(self, listener: Listener) -> dict[str, Any]:
        """What the page shows of a session: stage, code, progress and the present trial."""
        stage = self.stage(listener)
        position = self._answers.count(listener.id)
        state: dict[str, Any] = {
            "stage": stage,
            "code": listener.id,
            "position": position,
            "count": len(listener.plan),
        }
        if stage == "headphones":
            state["headphones"] = {
                "questions": headphones.QUESTIONS,
                "tones": headphones.TONES,
                "attempt": listener.attempts + 1,
                "attempts": headphones.ATTEMPTS,
            }
        if stage == "trial":
            trial = listener.plan[position]
            item = self._item(trial)
            state["trial"] = {
                "training": trial.kind == "training",
                "prompt": item.prompt,
                "seconds": item.seconds,
                "video": item.video is not None,
            }
        return state

    def answer_headphones(self, listener: Listener, given: list[int]) -> bool | None:
        """Take the answers of an attempt at the headphone check.

        Returns:
            Whether it was passed; None if another attempt follows.
        """
        right = headphones.right_answers(listener.id, listener.attempts)
        hits = sum(one == other for one, other in zip(given, right, strict=True))
        passed: bool | None = hits >= headphones.NEEDED
        if not passed and listener.attempts + 1 < headphones.ATTEMPTS:
            passed = None
        self._answers.note_headphones(listener.id, passed)
        return passed

    def answer(
        self, listener: Listener, position: int, a: Ratings, b: Ratings, choice: str, seconds: float
    ) -> dict[str, Any] | None:
        """Store an answer; it is on the disk when this returns.

        Args:
            listener: the session.
            position: place of the trial in it.
            a: ratings of output A.
            b: ratings of output B.
            choice: "a" or "b".
            seconds: time that the trial took.

        Returns:
            Feedback, which is empty outside of training; None if the trial is not the next one, or
            was answered otherwise before.
        """
        trial = listener.plan[position]
        side: Literal["a", "b"] = "a" if choice == "a" else "b"
        stored = Answer(listener.id, trial, a, b, side, seconds, position)
        if not self._answers.add(stored):
            return None
        if position == len(listener.plan) - 1:
            self._answers.finish(listener.id)
        if trial.kind != "training":
            return {}
        return {"better": trial.known, "right": knows_better(stored)}

    def withdraw(self, listener: Listener) -> None:
        """Delete a session with all answers."""
        self._answers.remove_listener(listener.id)

    def media(self, listener: Listener, position: int, part: Part) -> Path | None:
        """File of a sound or picture of the present trial or the next one; None for others."""
        if self.stage(listener) != "trial" or position >= len(listener.plan):
            return None
        if not 0 <= position - self._answers.count(listener.id) <= 1:
            return None
        trial = listener.plan[position]
        item = self._item(trial)
        if part == "video":
            return None if item.video is None else self._folder.media(item.video)
        found: dict[Part, Stimulus] = {
            "mixture": item.mixture,
            "a": item.outputs[trial.a],
            "b": item.outputs[trial.b],
        }
        return self._folder.media(found[part].file)

    def sample(self) -> Path:
        """Sound by which listeners set their volume: a mixture."""
        return self._folder.media(self._folder.description.items[0].mixture.file)

    def wording(self) -> dict[str, Any]:
        """Texts of the page."""
        settings = self._folder.settings
        return {
            "title": settings.title,
            "consent": settings.consent,
            "least_seconds": settings.least_seconds,
            "axes": [
                {"name": axis, "question": WORDING[axis][0], "labels": WORDING[axis][1]}
                for axis in AXES
            ],
        }

    def _item(self, trial: Trial) -> TestItem:
        known = self._folder.gold if trial.kind in ("gold", "training") else self._folder.items
        return known[trial.item]


def knows_better(answer: Answer) -> bool:
    """Whether the known better output was preferred and rated higher overall."""
    better = answer.trial.known
    a, b = answer.ratings_a["overall"], answer.ratings_b["overall"]
    return answer.choice == better and (a > b if better == "a" else b > a)
