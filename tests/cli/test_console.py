"""Standard streams that are closed, full, non-blocking or read no further, with real processes."""

import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

RATE = 16_000
PROGRAM = f"'{sys.executable}' -m soundsift.cli"


def shell(line: str, folder: Path) -> subprocess.CompletedProcess:
    return subprocess.run(
        ["bash", "-c", line],
        cwd=folder,
        capture_output=True,
        text=True,
        check=False,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )


@pytest.mark.slow
@pytest.mark.hostile
@pytest.mark.parametrize("closed", ["2>&-", "<&-", "2>&- <&-", ">&- 2>&-"])
def test_work_is_done_without_some_streams(closed, mix, model, tmp_path):
    command = f"separate '{mix}' --text hiss --model '{model}' --out out"
    done = shell(f"exec {PROGRAM} {command} {closed}", tmp_path)
    assert done.returncode == 0, done
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"street.target.wav", "street.residual.wav", "street.json"}


@pytest.mark.slow
@pytest.mark.hostile
def test_what_libraries_print_on_a_closed_stderr_goes_into_no_result(tmp_path):
    code = (
        "import os\n"
        "from soundsift.cli.console import prepare_streams\n"
        "prepare_streams()\n"
        "with open('result', 'w') as file:\n"
        "    os.write(2, b'noise')\n"
        "    print(file.fileno())\n"
    )
    done = shell(f"'{sys.executable}' -c \"{code}\" 2>&-", tmp_path)
    assert int(done.stdout) > 2
    assert (tmp_path / "result").read_text() == ""


@pytest.mark.slow
@pytest.mark.hostile
@pytest.mark.parametrize(
    "command", ["info --json", "separate --help", "--help", "--version", "", "models list"]
)
def test_a_reader_that_leaves(command, tmp_path):
    # The pipe's reader has gone before anything is written.
    code = (
        "import os, subprocess, sys\n"
        "read, write = os.pipe()\n"
        "os.close(read)\n"
        "done = subprocess.run(sys.argv[1:], stdout=write, stderr=subprocess.PIPE)\n"
        "print(done.returncode, done.stderr.decode())\n"
    )
    done = subprocess.run(
        [sys.executable, "-c", code, sys.executable, "-m", "soundsift.cli", *command.split()],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=True,
    )
    assert done.stdout.strip() == "141"


@pytest.mark.slow
@pytest.mark.hostile
@pytest.mark.skipif(not Path("/dev/full").exists(), reason="no /dev/full")
@pytest.mark.parametrize("command", ["info --json", "separate --help", "--version"])
def test_a_full_disk_behind_stdout(command, tmp_path):
    done = shell(f"{PROGRAM} {command} > /dev/full", tmp_path)
    assert done.returncode == 2
    assert done.stderr.startswith("standard output can't be written (No space left on device).")
    assert len(done.stderr.splitlines()) == 1


@pytest.mark.slow
@pytest.mark.hostile
def test_a_stream_with_pipes_that_do_not_block(model, tmp_path):
    """As some parents, such as event loops, hand them over."""
    samples = np.random.default_rng(0).integers(-5000, 5000, (RATE, 1)).astype("<i2").tobytes()
    command = [sys.executable, "-m", "soundsift.cli", "stream", "--text", "hiss", "--rate"]
    read, write = os.pipe()
    os.set_blocking(read, False)
    process = subprocess.Popen(
        [*command, str(RATE), "--channels", "1", "--model", str(model)],
        stdin=read,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    os.set_blocking(process.stdout.fileno(), True)
    # The first half only once the model waits for it.
    process.stderr.readline()
    with os.fdopen(write, "wb") as pipe:
        pipe.write(samples[: len(samples) // 2])
        pipe.flush()
        pipe.write(samples[len(samples) // 2 :])
    out, err = process.communicate(timeout=60)
    os.close(read)
    assert process.returncode == 0, err
    assert len(out) == len(samples)
