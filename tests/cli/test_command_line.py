"""The program as a whole: help, version, speed of starting, and a guide that is complete."""

import subprocess
import sys
from pathlib import Path

import pytest
from typer.main import get_command

from soundsift.cli import app
from soundsift.version import __version__

GUIDE = Path(__file__).parents[2] / "docs" / "commands.md"
TOP = get_command(app)
GROUPS = ("data", "edit", "export", "listening-test", "models", "results", "systems")
COMMANDS = {name: command for name, command in TOP.commands.items() if name not in GROUPS} | {
    f"{group} {name}": command
    for group in GROUPS
    for name, command in TOP.commands[group].commands.items()
}


def test_version(run):
    assert run("--version").stdout == f"soundsift {__version__}\n"


def test_the_first_steps_are_commands_that_exist(run):
    result = run()
    assert result.exit_code == 0
    examples = [line.split() for line in result.stdout.splitlines() if line.startswith("  ")]
    assert [words[1] for words in examples] == ["separate", "remove", "studio"]
    assert len(result.stdout.splitlines()) < 12


@pytest.mark.parametrize("arguments", [["--help"], *([group] for group in GROUPS)])
def test_help_where_no_command_is_named(arguments, run):
    result = run(*arguments)
    assert result.exit_code == 0
    assert "Commands:" in result.stdout


@pytest.mark.parametrize("name", COMMANDS)
def test_help_has_examples(name, run):
    result = run(*name.split(), "--help")
    assert result.exit_code == 0
    assert f"\n  soundsift {name} " in result.stdout or f"\n  soundsift {name}\n" in result.stdout


@pytest.mark.parametrize("name", ["separate", "remove", "stream"])
def test_options_are_in_sections(name, run):
    lines = run(name, "--help").stdout.splitlines()
    titles = [line for line in lines if line.endswith(":") and not line.startswith(" ")]
    assert titles[-1] == "Other options:" and "What to separate:" in titles and "Model:" in titles
    last = lines[lines.index("Other options:") + 1 :]
    assert [line.split()[0] for line in last if line.lstrip().startswith("--")] == ["--help"]


@pytest.mark.parametrize("name", COMMANDS)
def test_the_guide_names_every_option(name):
    _, found, section = GUIDE.read_text().partition(f"## `soundsift {name}`")
    assert found
    section = section.partition("\n## ")[0]
    options = [o for param in COMMANDS[name].params for o in param.opts if o.startswith("--")]
    assert not [o for o in options if f"`{o}" not in section]


#: Commands that people try first; others are imported by all of these, but not run.
HELPED = ["separate", "stream", "listen", "studio"]


@pytest.mark.parametrize(
    "line", ["--help", "separate --help", "--version", "train no.yaml", "separate a --out b"]
)
def test_starting_does_not_wait_for_pytorch(line, tmp_path):
    code = (
        "import sys, soundsift.cli\n"
        "try: soundsift.cli.main()\n"
        "finally: assert not {'torch', 'scipy', 'av'} & {*sys.modules} - {*sys.argv[1:]}"
    )
    if line.startswith("train"):  # describes scenes, whose modules decode and filter
        code = code.replace("{'torch', 'scipy', 'av'}", "{'torch'}")
    done = subprocess.run(
        [sys.executable, "-c", code, *line.split()],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert "Traceback" not in done.stderr
    assert done.returncode == (0 if "--" in line and "--out" not in line else 2)


@pytest.mark.parametrize("line", ["--help", "--version", *(f"{name} --help" for name in HELPED)])
def test_help_loads_no_numerical_library(line):
    code = (
        "import sys, soundsift.cli\n"
        "try: soundsift.cli.main()\n"
        "finally: assert not {'numpy', 'torch', 'rapidfuzz', 'yaml'} & {*sys.modules}"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, *line.split()], capture_output=True, text=True, check=False
    )
    assert done.stdout
    assert not done.stderr
    assert done.returncode == 0
