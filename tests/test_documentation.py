"""What the documentation shows works: Python snippets run, commands parse, links lead somewhere.

The snippets of a document run one after the other in a folder of their own; recordings that they
name and that are not there are made up. A block marked ```python no-run is only compiled.
"""

import json
import os
import re
import select
import shlex
import subprocess
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from typer.main import get_command

from soundsift.checkpoints.hearing import default_folder
from soundsift.checkpoints.store import DEFAULT, WEIGHTS, find_model
from soundsift.cli import app

ROOT = Path(__file__).parents[1]
GUIDES = [ROOT / "README.md", *sorted((ROOT / "docs").glob("**/*.md"))]
PAGES = sorted({*GUIDES, *ROOT.glob("*.md")})

FENCE = re.compile(r"^([ \t]*)(```+)([^\n`]*)\n(.*?)^[ \t]*\2[ \t]*$", re.MULTILINE | re.DOTALL)
LINK = re.compile(
    r"(?<!\\)\]\(\s*<?([^)\s>]+)|<(?:img|a|source|audio|video)\b[^>]*?\b(?:src|href)=\"([^\"]+)\""
)
RECORDING = re.compile(r"[\"']([\w./ -]+\.(?:wav|flac|ogg|mp3|m4a|mp4|opus))[\"']", re.IGNORECASE)
OPERATORS = {"|", "||", "&&", ";", "&", ">", ">>", "<", "2>"}


@dataclass(frozen=True)
class Block:
    """A fenced block: language and further words of its first line, text, and where it is."""

    page: str
    line: int
    words: tuple[str, ...]
    text: str

    def __str__(self) -> str:
        return f"{self.page}:{self.line}"


def blocks(page: str, markdown: str) -> Iterator[Block]:
    for match in FENCE.finditer(markdown):
        indent, _, info, text = match.groups()
        line = markdown.count("\n", 0, match.start()) + 1
        text = "".join(row.removeprefix(indent) for row in text.splitlines(keepends=True))
        yield Block(page, line, tuple(info.split()), text)


def command_lines(block: Block) -> Iterator[list[str]]:
    """The arguments of every `soundsift` command in a block of shell."""
    for line in block.text.replace("\\\n", " ").splitlines():
        lexer = shlex.shlex(line.strip().removeprefix("$ "), posix=True, punctuation_chars=True)
        lexer.whitespace_split = True
        command: list[str] = []
        for word in [*lexer, ";"]:
            if word not in OPERATORS:
                command.append(word)
                continue
            while command and re.match(r"\w+=", command[0]):
                del command[0]
            if command and Path(command[0]).name == "soundsift":
                yield command[1:]
            # What follows a redirection is a file, no command.
            command = ["<"] if word.strip("2") in {">", ">>", "<"} else []


BLOCKS = [
    b
    for page in GUIDES
    if page.is_file()
    for b in blocks(str(page.relative_to(ROOT)), page.read_text())
]
PYTHON = [b for b in BLOCKS if b.words[:1] == ("python",)]
COMMANDS = [
    (f"{b} {shlex.join(arguments)}", arguments)
    for b in BLOCKS
    if b.words[:1] in {("sh",), ("bash",), ("shell",), ("console",)}
    for arguments in command_lines(b)
]


def record(file: Path) -> None:
    """Write two seconds of a tone in noise under any file name."""
    file.parent.mkdir(parents=True, exist_ok=True)
    time = np.arange(32_000) / 16_000
    noise = np.random.default_rng(0).normal(0, 0.05, (len(time), 2))
    samples = noise + 0.3 * np.sin(2 * np.pi * 440 * time)[:, None]
    soundfile.write(file, samples, 16_000, format="WAV", subtype="PCM_16")


# --- Python ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("block", PYTHON, ids=str)
def test_python_snippet_compiles(block: Block) -> None:
    compile(block.text, str(block), "exec")


#: Runs each program that it is told of in a process of its own, forked from this one, which has
#: imported what is slow to import, but shows no program any name.
FORKS = """
import json, os, sys
import soundsift.checkpoints.load, soundsift.separation.separator
for line in sys.stdin:
    code, folder, log = json.loads(line)
    child = os.fork()
    if not child:
        os.chdir(folder)
        for output in (1, 2):
            os.dup2(os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND), output)
        try:
            exec(code, {"__name__": "__main__"})
            status = 0
        except BaseException:
            import traceback
            traceback.print_exc()
            status = 1
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(status)
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""


@pytest.fixture(scope="module")
def forks(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Callable[[str, Path], Any]]:
    """Runs a program in a folder; its exit status, and what it said."""
    logs = tmp_path_factory.mktemp("logs")
    with subprocess.Popen(
        [sys.executable, "-c", FORKS],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    ) as process:
        assert process.stdin is not None and process.stdout is not None

        def run(code: str, folder: Path) -> tuple[int, str]:
            log = logs / f"{len(list(logs.iterdir()))}.txt"
            process.stdin.write(json.dumps([code, str(folder), str(log)]) + "\n")
            process.stdin.flush()
            ready, _, _ = select.select([process.stdout], [], [], 240)
            assert ready, log.read_text()
            return int(process.stdout.readline()), log.read_text()

        try:
            yield run
        finally:
            process.kill()


def test_a_snippet_that_fails_is_noticed(
    tmp_path: Path, forks: Callable[[str, Path], tuple[int, str]]
) -> None:
    status, said = forks("soundsift.load()", tmp_path)
    assert status != 0
    assert "NameError" in said
    assert forks("import soundsift", tmp_path) == (0, "")


@pytest.mark.parametrize("page", sorted({b.page for b in PYTHON}))
def test_python_snippets_run(
    page: str, tmp_path: Path, forks: Callable[[str, Path], tuple[int, str]]
) -> None:
    snippets = [b for b in PYTHON if b.page == page and "no-run" not in b.words]
    if not snippets:
        pytest.skip(f"{page}: all snippets are marked no-run")
    if not (find_model(DEFAULT) / WEIGHTS).is_file() and any("load(" in b.text for b in snippets):
        pytest.skip(
            f"NOT TESTED: the snippets of {page} load the default model, which is not there yet"
        )
    if not (default_folder() / WEIGHTS).is_file() and any("listen(" in b.text for b in snippets):
        pytest.skip(f"NOT TESTED: the snippets of {page} listen, and there is no hearing network")
    for block in snippets:
        for name in RECORDING.findall(block.text):
            if not Path(name).is_absolute() and not (tmp_path / name).exists():
                record(tmp_path / name)
    # Line numbers of a traceback are those of the document.
    code = "\n".join(
        f"exec(compile({chr(10) * b.line + b.text!r}, {str(ROOT / b.page)!r}, 'exec'))"
        for b in snippets
    )
    done, said = forks(code, tmp_path)
    assert done == 0, said


# --- command lines --------------------------------------------------------------------------------


def leaves(command: Any) -> Iterator[Any]:
    if hasattr(command, "commands"):
        for child in command.commands.values():
            yield from leaves(child)
    else:
        yield command


@pytest.fixture(scope="module")
def parse() -> Callable[[list[str]], int]:
    """Parses a command line as `soundsift` does, and runs nothing; returns the exit code."""
    command = get_command(app)  # made for this module alone
    for leaf in leaves(command):
        leaf.callback = lambda **_: None

    def exit_code(arguments: list[str]) -> int:
        with pytest.raises(SystemExit) as stopped:
            command.main(arguments, prog_name="soundsift")
        return int(stopped.value.code or 0)

    return exit_code


@pytest.mark.parametrize("arguments", [c for _, c in COMMANDS], ids=[name for name, _ in COMMANDS])
def test_command_line_parses(
    arguments: list[str],
    parse: Callable[[list[str]], int],
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert parse(arguments) == 0, capsys.readouterr().err


@pytest.mark.parametrize(
    "line", ["no-such-command", "info --no-such-option", "separate a.wav --seed many"]
)
def test_wrong_command_line_does_not_parse(line: str, parse: Callable[[list[str]], int]) -> None:
    assert parse(line.split()) == 2


# --- links ----------------------------------------------------------------------------------------


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_relative_links_lead_somewhere(page: Path) -> None:
    prose = re.sub(r"`[^`\n]*`", "", FENCE.sub("", page.read_text()))
    targets = [a or b for a, b in LINK.findall(prose)]
    files = [
        t.partition("#")[0]
        for t in targets
        if not re.match(r"[a-z][a-z0-9+.-]*:|#", t, re.IGNORECASE)
    ]
    missing = [f for f in files if not (page.parent / f).exists()]
    assert not missing, f"{page.name} links to {', '.join(missing)}, which does not exist"


# --- this file's own tools ------------------------------------------------------------------------


def test_blocks_and_command_lines_are_found() -> None:
    markdown = """
```sh
pip list; FOO=1 .venv/bin/soundsift info  # says what is there
$ soundsift separate a.wav --text "dog barking" \\
    --out stems > log.txt && soundsift bench
echo soundsift is a command
```

   ```python no-run
   a = 1
   ```
"""
    shell, python = blocks("page.md", markdown)
    assert [*command_lines(shell)] == [
        ["info"],
        ["separate", "a.wav", "--text", "dog barking", "--out", "stems"],
        ["bench"],
    ]
    assert python.words == ("python", "no-run")
    assert (python.line, python.text) == (9, "a = 1\n")
