import shlex
from typing import Any

import pytest

from soundsift.studio.command import command_line

#: As the page sends it.
CLICK = {"time": 1.5, "x": 0.25, "y": 0.5, "positive": True}


def request(**own: Any) -> dict[str, Any]:
    usual = {"recording": "0" * 64, "text": None, "spans": [], "not_spans": [], "boxes": []}
    return usual | {"preset": "standard", "model": "default", "seed": 0, "mode": "separate"} | own


def turn(stem: str, **own: Any) -> dict[str, Any]:
    return request(recording={"job": "0" * 32, "stem": stem}, **own)


def test_every_field_becomes_an_option() -> None:
    box = {"x": 0.1, "y": 0.2, "width": 0.5, "height": 0.25}
    asked = request(
        text="dog's bark",
        spans=[[1.25, 2], [3, 4]],
        not_spans=[[5, 6]],
        # The first as in requests of versions in which boxes had no time.
        boxes=[box | {"span": (1.0, 2.5)}, box | {"span": None, "time": 3.25}],
        points=[{"time": 1.5, "x": 0.25, "y": 0.5, "positive": False}],
        preset="best",
        seed=7,
        mode="remove",
    )
    assert shlex.split(command_line(asked, "my street.wav")) == [
        *("soundsift", "remove", "my street.wav", "--text", "dog's bark"),
        *("--span", "1.25-2", "--span", "3-4", "--not-span", "5-6"),
        *("--box", "0.1,0.2,0.5,0.25@1-2.5", "--box", "0.1,0.2,0.5,0.25@3.25"),
        *("--point", "1.5,0.25,0.5,-"),
        *("--model", "default", "--preset", "best", "--seed", "7", "--out", "stems"),
    ]


@pytest.mark.parametrize(
    ("before", "last", "source"),
    [
        ([], request(), "a.wav"),
        ([request()], turn("target"), "stems/a.span.target.wav"),
        ([request(points=[CLICK])], turn("target"), "stems/a.object.target.wav"),
        ([request(text="Dog", points=[CLICK])], turn("target"), "stems/a.dog.target.wav"),
        ([request(text="Dog", mode="remove")], turn("residual"), "stems/a.dog.without.wav"),
        ([request(), turn("residual")], turn("target"), "stems/a.span.residual.span.target.wav"),
    ],
)
def test_a_later_turn_takes_the_stem_of_the_one_before(
    before: list[dict[str, Any]], last: dict[str, Any], source: str
) -> None:
    assert shlex.split(command_line(last, "a.wav", before))[2] == source


def test_candidates_are_named_where_there_are_several() -> None:
    assert "--candidates 4" in command_line(request(candidates=4), "a.wav")
    assert "--candidates" not in command_line(request(candidates=1), "a.wav")


def test_a_rated_result_is_rated_by_the_command_too() -> None:
    assert "--judge" in shlex.split(command_line(request(), "a.wav", judged=True))
    assert "--judge" not in command_line(request(), "a.wav")


def test_names_are_not_parsed_as_options() -> None:
    assert shlex.split(command_line(request(), "-x.wav"))[2] == "./-x.wav"
