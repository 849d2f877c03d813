"""Disks that are full, or fail, at any moment of writing results."""

import errno
import json
import os
import resource
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import av
import numpy as np
import pytest
from tests.audio.test_video import film

from soundsift.audio import read
from soundsift.audio.encoding import refusing
from soundsift.audio.formats import FORMATS, Output
from soundsift.errors import SoundsiftError
from soundsift.separation.result import Separation

RATE = 48_000


def save(folder: Path, name: str, output: str, source: Path) -> None:
    """A second of noise and its half, in stereo."""
    sound = (0.1 * np.random.default_rng(0).normal(size=(2, RATE))).astype(np.float32)
    result = Separation(sound, 0.5 * sound, 0.5 * sound, RATE, "s16", {"soundsift": "0"})
    result.save(folder, name, output=Output(output), source=source if output == "video" else None)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return film(tmp_path_factory.mktemp("film") / "film.mkv")


def save_with_limit(folder: Path, output: str, source: Path, size: int) -> str:
    """What a process says that may not write files larger than so many bytes; "" if it is done."""
    reading, writing = os.pipe()
    if child := os.fork():
        os.close(writing)
        with os.fdopen(reading) as answer:
            said = answer.read()
        os.waitpid(child, 0)
        return str(json.loads(said))
    said = ""
    try:
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (size, size))
        save(folder, "a", output, source)
    except SoundsiftError as error:
        said = str(error)
    except BaseException as error:
        said = repr(error)
    finally:
        os.write(writing, json.dumps(said).encode())
        os._exit(0)


@pytest.mark.parametrize("output", FORMATS)
def test_files_larger_than_a_limit(tmp_path: Path, video: Path, output: str) -> None:
    seen = set()
    for size in (0, 1, 100, 1000, 5000, 10_000, 20_000, 50_000, 10**6):
        folder = tmp_path / str(size)
        said = save_with_limit(folder, output, video, size)
        if said:
            assert "can't be written: the file is larger" in said
            assert "another format" not in said
            assert not folder.exists()
        else:
            assert len(list(folder.iterdir())) == 3
        seen.add(bool(said))
    assert seen == {True, False}


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 100 kB."""
    place = tmp_path / "disk"
    place.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=100k", "tmpfs", str(place)]
    if sys.platform != "linux" or subprocess.run(mount, capture_output=True).returncode:
        pytest.skip("NOT TESTED: file systems can't be mounted here")
    yield place
    subprocess.run(["umount", str(place)], check=True)


@pytest.mark.parametrize("output", FORMATS)
def test_a_full_disk(small_disk: Path, video: Path, output: str) -> None:
    """Filled little by little, until the result has no room."""
    results = []
    for number in range(30):
        (small_disk / f"filler{number}").write_bytes(bytes(4096 * number))
        try:
            save(small_disk / str(number), "a", output, video)
        except SoundsiftError as error:
            results.append(str(error))
            assert "no space left on the disk. Free some space" in results[-1]
            assert not (small_disk / str(number)).exists()
            break
        suffix = Output(output).suffix(".mkv")  # type: ignore[arg-type]
        for stem in ("target", "residual"):
            found = read(small_disk / str(number) / f"a.{stem}{suffix}", allow_silence=True)
            assert found.duration == pytest.approx(1, abs=0.05)
    assert len(results) == 1


@pytest.mark.parametrize(
    "code", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EIO, errno.EROFS, errno.EINVAL]
)
def test_only_other_errors_are_about_the_format(code: int) -> None:
    refusals = refusing(lambda cause: f"MP3 can't be written ({cause}).")
    expected = SoundsiftError if code == errno.EINVAL else OSError
    with pytest.raises(expected) as caught, refusals():
        raise av.error.FFmpegError(code, os.strerror(code))
    assert ("another format" in str(caught.value)) == (code == errno.EINVAL)
