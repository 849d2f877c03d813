"""Every command line of README and docs that separates sound is carried out, as it is printed.

A tiny model with random weights stands for the default one. Recordings, folders, label files and
job lists that a line names and that are not there are made up. The lines of a page run one after
the other in a folder of their own; without `--jobs`, since other processes would load the real
model.
"""

import importlib.util
import itertools
import json
import sys
from pathlib import Path

import av
import numpy as np
import pytest
import soundfile
from typer.testing import CliRunner

import soundsift
from soundsift.cli import app
from soundsift.separation.separator import Separator
from tests.tiny_model import write_tiny_model

RATE, SECONDS, FILM_SECONDS = 8000, 14, 75
RUN = {"separate", "remove", "stream", "example"}
#: Options of the released models and adapters, which are not there, and of films that show
#: something.
RELEASED = {
    *("--adapter", "--box", "--masks", "--point"),
    *("--predict-spans", "--candidates", "--consistent"),
}
SOUND = {".wav": "PCM_16", ".flac": "PCM_16", ".mp3": "MPEG_LAYER_III", ".opus": "OPUS"}
VIDEO = {".mp4", ".mkv", ".mov"}


def _documentation() -> dict[str, list[list[str]]]:
    """Command lines by page, from the module that finds them."""
    file = Path(__file__).with_name("test_documentation.py")
    spec = importlib.util.spec_from_file_location("documentation", file)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    sys.modules["documentation"] = module
    spec.loader.exec_module(module)
    pages: dict[str, list[list[str]]] = {}
    for name, arguments in module.COMMANDS:
        if arguments[:1] and arguments[0] in RUN and "--help" not in arguments:
            pages.setdefault(name.partition(":")[0], []).append(arguments)
    return pages


PAGES = _documentation()


def write_sound(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    rate = 48_000 if path.suffix == ".opus" else RATE
    rng = np.random.default_rng(len(path.name))
    noise = 0.1 * rng.normal(size=(SECONDS * rate, 1))
    kind = {".mp3": "MP3", ".opus": "OGG", ".flac": "FLAC"}.get(path.suffix, "WAV")
    soundfile.write(path, noise, rate, format=kind, subtype=SOUND[path.suffix])


def write_film(path: Path) -> None:
    """A film of two sound tracks."""
    rng = np.random.default_rng(0)
    with av.open(str(path), "w") as container:
        picture = container.add_stream("mpeg4", rate=5)
        picture.width, picture.height, picture.pix_fmt = 32, 32, "yuv420p"
        tracks = [container.add_stream("aac", rate=RATE, layout="mono") for _ in range(2)]
        for track in tracks:
            sound = (0.1 * rng.normal(size=(1, FILM_SECONDS * RATE))).astype(np.float32)
            frame = av.AudioFrame.from_ndarray(sound, "fltp", "mono")
            frame.sample_rate = RATE
            container.mux(track.encode(frame))
            container.mux(track.encode(None))
        for _ in range(5 * FILM_SECONDS):
            image = av.VideoFrame.from_ndarray(np.zeros((32, 32, 3), np.uint8), "rgb24")
            container.mux(picture.encode(image))
        container.mux(picture.encode(None))


def make_up(name: str) -> None:
    """Something of that name, if nothing has it."""
    path = Path(name)
    if path.suffix == ".jsonl":
        jobs = [{"input": "street.wav", "text": text} for text in ("dog", "man speaking")]
        path.write_text("\n".join(map(json.dumps, jobs)))
        make_up("street.wav")
    elif path.suffix == ".txt":
        path.write_text("0.5\t1.5\tdog\n")
    elif any(sign in name for sign in "*?["):
        make_up(name.replace("**/", "day/").replace("*", "one"))
    elif path.exists():
        return
    elif path.suffix in VIDEO:
        write_film(path)
    elif path.suffix in SOUND:
        write_sound(path)
    elif not path.suffix:
        for number in range(2):
            write_sound(path / f"take{number}.wav")


def standard_input(arguments: list[str]) -> bytes | None:
    raw = {"--rate", "--channels", "s16le", "f32le"}
    if arguments[0] == "stream" and raw & {*arguments}:
        return (1000 * np.random.default_rng(0).normal(size=96_000)).astype("<i2").tobytes()
    if arguments[0] == "stream" or "-" in arguments:
        make_up("in.wav")
        return Path("in.wav").read_bytes()
    return None


@pytest.fixture(scope="module")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Separator:
    return soundsift.load(write_tiny_model(tmp_path_factory.mktemp("tiny")), device="cpu")


@pytest.mark.parametrize("page", sorted(PAGES))
def test_documented_commands_run(
    page: str, tiny: Separator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(soundsift, "load", lambda *_, **__: tiny)
    done = 0
    for arguments in PAGES[page]:
        if RELEASED & {*arguments} or any(a.startswith("facebook/") for a in arguments):
            continue
        if "--jobs" in arguments:
            index = arguments.index("--jobs")
            arguments = arguments[:index] + arguments[index + 2 :]
        files = itertools.takewhile(lambda word: not word.startswith("--"), arguments[1:])
        values = {a: b for a, b in itertools.pairwise(arguments) if a.startswith("--")}
        named = [*files, *(values[o] for o in ("--jobs-file", "--labels") if o in values)]
        for name in named if arguments[0] != "example" else ():
            if name != "-":
                make_up(name)
        result = CliRunner().invoke(app, arguments, input=standard_input(arguments))
        assert result.exit_code == 0, (arguments, result.stderr, result.exception)
        done += 1
    if not done:
        pytest.skip("every line needs a released model")
