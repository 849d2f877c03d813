"""One table of presets, and every front end that offers it."""

import inspect
import subprocess
import sys
from pathlib import Path
from typing import get_args, get_type_hints

import pytest

from soundsift.batch.jobs_file import JobLine
from soundsift.cli import app
from soundsift.errors import SoundsiftError
from soundsift.presets import (
    DATA_PRESETS,
    PRESET_NAMES,
    VELOCITY_PRESETS,
    PresetName,
    describe_preset,
    find_preset,
)

TABLE = {"draft", "standard", "best"}


def test_every_front_end_offers_the_table():
    assert {*PRESET_NAMES} == DATA_PRESETS.keys() == VELOCITY_PRESETS.keys() == TABLE
    for command in app.registered_commands:
        if (offered := get_type_hints(command.callback).get("preset")) is not None:
            assert {*get_args(offered)} == TABLE, command.name
    assert {*get_args(get_args(get_type_hints(JobLine)["preset"])[0])} == TABLE


def test_the_studio_offers_the_table():
    pytest.importorskip("fastapi")
    from soundsift.studio.schemas import JobRequest

    schema = JobRequest.model_json_schema()["properties"]["preset"]
    assert {*schema["enum"]} == TABLE


@pytest.mark.parametrize("prediction", ["data", "velocity"])
def test_python_takes_the_table_and_nothing_else(prediction):
    for name in TABLE:
        assert find_preset(name, prediction).description
    with pytest.raises(SoundsiftError, match=r"'fast'.*draft, standard, best"):
        find_preset("fast", prediction)


def test_the_work_never_falls_from_one_preset_to_the_next():
    for presets in (DATA_PRESETS, VELOCITY_PRESETS):
        steps = [presets[name].steps for name in PRESET_NAMES]
        assert steps == sorted(steps)


def test_a_preset_that_equals_another_says_so():
    for presets in (DATA_PRESETS, VELOCITY_PRESETS):
        settings: dict[tuple, PresetName] = {}
        for name in PRESET_NAMES:
            preset = presets[name]
            fields = {k: v for k, v in vars(preset).items() if k != "description"}
            if (first := settings.setdefault(tuple(fields.values()), name)) != name:
                assert preset.description.startswith(f"as {first}")


def test_descriptions_name_both_kinds_of_model():
    for name in PRESET_NAMES:
        assert DATA_PRESETS[name].description in describe_preset(name)
        assert VELOCITY_PRESETS[name].description in describe_preset(name)


def test_the_table_needs_no_pytorch():
    code = "import sys, soundsift.presets; assert 'torch' not in sys.modules"
    source = Path(inspect.getfile(find_preset)).parents[1]
    subprocess.run([sys.executable, "-c", code], check=True, env={"PYTHONPATH": str(source)})
