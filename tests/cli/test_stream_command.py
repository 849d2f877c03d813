"""`soundsift stream`, as a process with pipes."""

import io
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

RATE = 16_000
PROGRAM = (sys.executable, "-m", "soundsift.cli")
RAW = ("--rate", str(RATE), "--channels", "2", "--format", "s16le")


def sound(count: int = RATE) -> np.ndarray:
    return np.random.default_rng(0).integers(-5000, 5000, (count, 2)).astype("<i2")


def streamed(model: Path, data: bytes, *more: str) -> subprocess.CompletedProcess:
    return subprocess.run(
        [*PROGRAM, "stream", "--text", "hiss", "--model", str(model), *more],
        input=data,
        capture_output=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        check=False,
    )


@pytest.mark.slow
def test_both_stems_of_raw_samples_add_up(model):
    found = []
    for more in ((), ("--remove",)):
        done = streamed(model, sound().tobytes(), *RAW, *more)
        assert done.returncode == 0, done.stderr
        assert b"s behind" in done.stderr
        found.append(np.frombuffer(done.stdout, "<i2").reshape(-1, 2).astype(int))
    assert np.array_equal(found[0] + found[1], sound())


@pytest.mark.slow
def test_wav_in_and_out(model):
    pipe = io.BytesIO()
    soundfile.write(pipe, sound(), RATE, format="WAV", subtype="PCM_24")
    done = streamed(model, pipe.getvalue())
    assert done.returncode == 0, done.stderr
    back, rate = soundfile.read(io.BytesIO(done.stdout))
    assert (back.shape, rate) == ((RATE, 2), RATE)


@pytest.mark.slow
@pytest.mark.hostile
def test_nobody_reads(model):
    process = subprocess.Popen(
        [*PROGRAM, "stream", "--text", "hiss", *RAW, "--model", str(model)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )
    process.stdout.close()
    process.stdout = None
    _, stderr = process.communicate(sound(5 * RATE).tobytes())
    assert process.returncode == 141
    assert b"Traceback" not in stderr and b"Error" not in stderr


@pytest.mark.parametrize("closed", ["<&-", ">&-"])
def test_a_pipe_that_is_closed(model, closed):
    command = " ".join([*PROGRAM, "stream --text hiss", "--model", f"'{model}'"])
    done = subprocess.run(
        ["sh", "-c", f"{command} {closed}"], capture_output=True, input=b"", check=False
    )
    assert done.returncode == 2, done.stderr
    assert b"is closed. Connect a pipe" in done.stderr


@pytest.mark.slow
@pytest.mark.hostile
def test_told_to_end(model):
    """SIGTERM ends a stream that has no end as Ctrl-C does."""
    with Path("/dev/zero").open("rb") as endless:
        process = subprocess.Popen(
            [*PROGRAM, "stream", "--text", "hiss", *RAW, "--model", str(model)],
            stdin=endless,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
    assert process.stdout.read(100)
    process.terminate()
    _, stderr = process.communicate(timeout=60)
    assert process.returncode == 130, stderr
    assert b"Traceback" not in stderr


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["--text", "dog", "--out", "x"], ["--out"]),
        (["--text", "dog", "--picture"], ["--picture"]),
        (["--text", "dog", "--box", "0,0,1,1"], ["--box"]),
        (["--text", "dog", "--format", "mp3"], ["mp3"]),
        (["--text", "dog", "--format", "wav", "--rate", "8000"], ["--rate", "s16le"]),
        (["--text", "dog", "--text", "cat"], ["'dog'", "'cat'"]),
        (["a.wav", "--text", "dog"], ["a.wav"]),
        ([], ["prompt is empty"]),
        (["--text", "dog"], ["standard input"]),
    ],
)
def test_refused(arguments, words, run, one_sentence):
    one_sentence(run("stream", *arguments), *words)


@pytest.mark.parametrize("arguments", [["--rate", "8000"], ["--format", "s16le"]])
def test_options_of_pipes_are_none_of_files(arguments, run, one_sentence):
    one_sentence(run("separate", "a.wav", "--text", "dog", "--out", "x", *arguments), arguments[0])
