"""The process that reads and writes media files; the server itself never does.

It reads a task per line of standard input and answers with a line of standard output, both JSON.
It forks for every task, and the fork limits its memory, processor time and disk space before it
opens the file, and confines itself to the task's files (`soundsift.studio.confinement`). A file
that crashes FFmpeg, or never ends, ends only its fork.
"""

from __future__ import annotations

import json
import os
import signal
import sys
import sysconfig
import time
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path
from typing import Any

import av
import numpy as np
import soundfile

import soundsift
from soundsift.audio import RecordingFile, examine
from soundsift.audio.containers import CONTAINERS, open_media
from soundsift.audio.formats import VIDEO_SUFFIXES, Output
from soundsift.audio.limits import RecordingLimits, TooLargeError
from soundsift.audio.tags import read_tags
from soundsift.audio.tracks import sound_track
from soundsift.audio.video import has_picture
from soundsift.audio.writing import SoundFacts
from soundsift.errors import SoundsiftError
from soundsift.separation.stem_files import sound_file
from soundsift.studio.confinement import Confinement
from soundsift.studio.disk import disk_is_full
from soundsift.studio.outline_tasks import follow, outline
from soundsift.studio.peaks import write_peaks
from soundsift.studio.records import AUDIO, ORIGINAL, PEAKS
from soundsift.video.frames import read_video

try:
    import resource
except ImportError:  # Windows
    resource = None  # type: ignore[assignment]

_WEB_CODECS = {"vp8", "vp9", "av1", "opus", "vorbis", "webvtt"}
_TICK_SECONDS = 0.005

# What a confined fork may read besides its files: libraries import some modules when they are used.
_CODE = tuple(
    {
        *(Path(sysconfig.get_path(kind)) for kind in ("stdlib", "platstdlib")),
        *(Path(str(library.__file__)).parents[1] for library in (av, np, soundfile)),
        Path(str(soundsift.__file__)).parent,
    }
)


class RefusedError(Exception):
    """A refused file.

    Args:
        kind: one of not-audio, unusable, no-room.
        sentence: the reason.
    """

    def __init__(self, kind: str, sentence: str) -> None:
        super().__init__(sentence)
        self.kind, self.sentence = kind, sentence


# --- tasks ----------------------------------------------------------------------------------------


def take(folder: str, bounds: dict[str, Any], room: int) -> dict[str, Any]:
    """Check an uploaded file and decode its sound.

    Args:
        folder: folder with the file `original`; `audio.wav` and `peaks.npy` are added.
        bounds: fields of the `RecordingLimits`.
        room: bytes that the decoded sound may take on the disk.

    Returns:
        `seconds`, `sample_rate`, `channels`, `has_video` and `suffix`.

    Raises:
        RefusedError: it is no audio, or there is no room.
        SoundsiftError: it is not accepted for another reason.
    """
    path = Path(folder) / ORIGINAL
    _refuse_strangers(path)
    # Reads all of it without writing: a few bytes may decode to days of sound.
    recording = examine(path, limits=RecordingLimits(**bounds))
    if 4 * recording.length * recording.channels > room:
        raise RefusedError("no-room", "The disk is full.")
    facts = SoundFacts(
        recording.channels, recording.sample_rate, recording.length, recording.layout
    )
    with sound_file(Path(folder) / AUDIO, facts, recording.sample_format, Output()) as wav:
        write_peaks(Path(folder) / PEAKS, _written(recording.blocks(), wav.write))
    video = has_picture(path)
    return {
        "seconds": recording.duration,
        "sample_rate": recording.sample_rate,
        "channels": recording.channels,
        "has_video": video,
        "suffix": _video_suffix(path) if video else ".wav",
    }


def copy(
    source: str,
    place: str,
    format: str,  # noqa: A002
    picture: str | None,
    fraction: str,
) -> dict[str, Any]:
    """Encode a sound in another format.

    Args:
        source: WAV file.
        place: file to write.
        format: format of a `soundsift.audio.Output`.
        picture: video whose picture is copied, for the format "video".
        fraction: file that receives the fraction done, as text.

    Raises:
        RefusedError: the format can't hold the sound.
    """
    recording = examine(source, allow_silence=True)
    video = None if picture is None else Path(picture)
    output = Output(format)  # type: ignore[arg-type]
    facts = SoundFacts(
        recording.channels,
        recording.sample_rate,
        recording.length,
        recording.layout,
        {} if video is None else read_tags(video),
    )
    sample_format = output.sample_format(recording.sample_format)
    with sound_file(Path(place), facts, sample_format, output, video) as file:
        done = 0
        for block in recording.blocks():
            file.write(block)
            done += block.shape[1]
            Path(fraction).write_text(f"{done / (facts.length or 1):.4f}", encoding="ascii")
    return {}


def draw(source: str, place: str) -> dict[str, Any]:
    """Store the peaks of a sound.

    Args:
        source: WAV file.
        place: file to write.
    """
    recording: RecordingFile = examine(source, allow_silence=True)
    write_peaks(Path(place), recording.blocks())
    return {}


def measure(source: str) -> dict[str, Any]:
    """Size and end of a video's pictures.

    Args:
        source: video file.

    Returns:
        `height` and `width` in pixels; `seconds`, 0 if the file doesn't say.
    """
    # With threads of the decoder, closing the file was seen to hang in forks.
    height, width = next(read_video(source, threads=1)).pixels.shape[:2]
    with open_media(Path(source)) as container:
        seconds = (container.duration or 0) / av.time_base
    return {"height": height, "width": width, "seconds": seconds}


_TASKS: dict[str, Callable[..., dict[str, Any]]] = {
    "take": take,
    "copy": copy,
    "draw": draw,
    "outline": outline,
    "follow": follow,
    "measure": measure,
}


def _refuse_strangers(path: Path) -> None:
    """Refuse what is no sound, and containers that are not known to hold their sound themselves."""
    no_audio = RefusedError(
        "not-audio", f"{path} is neither audio nor video. Use a file with sound."
    )
    if not path.stat().st_size:
        raise RefusedError("unusable", f"{path} is empty (0 bytes). Use a file with sound.")
    try:
        with open_media(path) as container:
            kinds = set(container.format.name.split(","))
            stream = sound_track(container)
    except (av.FFmpegError, ValueError, OSError) as error:
        raise no_audio from error
    if not kinds & CONTAINERS:
        raise no_audio
    if stream is None:
        raise RefusedError("not-audio", f"{path} has no sound. Use a file with a sound track.")


def _written(
    blocks: Iterable[np.ndarray], write: Callable[[np.ndarray], None]
) -> Iterator[np.ndarray]:
    for block in blocks:
        write(block)
        yield block


def _video_suffix(path: Path) -> str:
    """Of a video with this picture and another sound."""
    with open_media(path) as container:
        kinds = container.format.name.split(",")
        if "mov" in kinds:
            return ".mov" if container.metadata.get("major_brand") == "qt  " else ".mp4"
        codecs = {
            stream.codec_context.name.removeprefix("lib").partition("-")[0]
            for stream in container.streams
            # Tracks that FFmpeg has no decoder for have no codec either, and are not copied.
            if stream.type in ("audio", "video") and stream.codec_context is not None
        }
        if "webm" in kinds and codecs <= _WEB_CODECS | {"dav1d"}:
            return ".webm"
    return VIDEO_SUFFIXES[3]


# --- the process ----------------------------------------------------------------------------------


def main() -> None:
    """Run tasks until standard input ends."""
    # Ctrl-C reaches every process of the terminal; the server ends this one.
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    av.logging.set_level(av.logging.PANIC)
    # Output of libraries must not mix with the answers.
    answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    confinement = Confinement.find()
    for line in sys.stdin:
        answers.write(json.dumps(_apart(json.loads(line), confinement)) + "\n")
        answers.flush()


def _apart(request: dict[str, Any], confinement: Confinement) -> dict[str, Any]:
    """Run a task in a fork."""
    if not hasattr(os, "fork"):
        return _answer(request)
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:
        # The fork must end at the last line of this block.
        status = 1
        try:
            _keep_only(writing)
            limits, files = request["limits"], request["files"]
            _limit(limits["memory"], limits["seconds"], limits["bytes"])
            reads, writes = ([Path(path) for path in files[use]] for use in ("reads", "writes"))
            try:
                confinement.apply([*_CODE, *reads], writes)
            except OSError as error:
                print(f"decoder: it can't be confined ({error})", file=sys.stderr)
                raise
            answer = json.dumps(_answer(request)).encode()
            while answer:
                answer = answer[os.write(writing, answer) :]
            status = 0
        finally:
            os._exit(status)
    os.close(writing)
    try:
        return _await(child, reading, request["limits"]["seconds"])
    finally:
        os.close(reading)


def _await(child: int, reading: int, seconds: float) -> dict[str, Any]:
    """Answer of a fork. Its wall time is limited to twice its processor time."""
    end = time.monotonic() + 2 * seconds
    # An answer fits into a pipe, so the fork never waits.
    while not (ended := os.waitpid(child, os.WNOHANG))[0]:
        if time.monotonic() > end:
            os.kill(child, signal.SIGKILL)
            os.waitpid(child, 0)
            return _failure("unusable", "The file takes too long. Use a shorter one.")
        time.sleep(_TICK_SECONDS)
    if os.WIFSIGNALED(ended[1]) and os.WTERMSIG(ended[1]) in (signal.SIGXCPU, signal.SIGKILL):
        return _failure("unusable", "The file takes too long or too much memory. Use another.")
    answer = os.read(reading, 1 << 16)
    if not answer:
        return _failure("unusable", "The file is damaged: it crashes the decoder.")
    found: dict[str, Any] = json.loads(answer)
    return found


def _answer(request: dict[str, Any]) -> dict[str, Any]:
    """Run a task in this process."""
    try:
        return {"done": _TASKS[request["task"]](**request["arguments"])}
    except RefusedError as error:
        return _failure(error.kind, error.sentence)
    except TooLargeError as error:
        return _failure("too-large", str(error))
    except SoundsiftError as error:
        return _failure("no-room" if disk_is_full(error) else "unusable", str(error))
    except OSError as error:
        return _failure("no-room" if disk_is_full(error) else "unusable", error.strerror or "")
    except MemoryError:
        return _failure("unusable", "The file takes too much memory to read. Use a shorter one.")
    except Exception as error:
        # Libraries raise anything for damaged files.
        print(f"decoder: {type(error).__name__}: {error}", file=sys.stderr)
        return _failure("unusable", "The file is damaged and can't be read.")


def _failure(kind: str, sentence: str) -> dict[str, Any]:
    return {"refused": kind, "sentence": sentence}


def _keep_only(descriptor: int) -> None:
    """Close the channels to the server, and all else but standard output and standard error."""
    null = os.open(os.devnull, os.O_RDONLY)
    os.dup2(null, 0)
    os.closerange(3, descriptor)
    os.closerange(descriptor + 1, os.sysconf("SC_OPEN_MAX"))


def _limit(memory: int, seconds: float, size: int) -> None:
    if resource is None:
        return
    # Memory that is mapped already does not count.
    try:
        mapped = int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()
    except OSError:
        mapped = 0
    processor = max(1, round(seconds))
    _lower(resource.RLIMIT_AS, mapped + memory)
    _lower(resource.RLIMIT_CPU, processor)
    _lower(resource.RLIMIT_FSIZE, size)
    _lower(resource.RLIMIT_NOFILE, 64)
    _lower(resource.RLIMIT_CORE, 0)
    # A write beyond the limit fails instead of killing the process.
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)


def _lower(what: int, value: int) -> None:
    assert resource is not None
    _, most = resource.getrlimit(what)
    value = value if most == resource.RLIM_INFINITY else min(value, most)
    resource.setrlimit(what, (value, value))


if __name__ == "__main__":
    main()
