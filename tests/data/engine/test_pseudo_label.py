"""Pseudo-labels from two short recordings, with a tiny model and a captioner that is a program."""

import json
import os
import signal
import subprocess
import sys
import time
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import soundfile
from tests.fake_ray import FakeRay, Killed
from tests.tiny_model import write_tiny_model
from typer.testing import CliRunner

import soundsift
from soundsift.cli import app
from soundsift.data.engine import labelling, over_ray
from soundsift.data.engine.captions import NamedSound, ProgramCaptioner, noun_phrases, usable
from soundsift.data.engine.config import EngineConfig
from soundsift.data.engine.excerpts import without_results
from soundsift.data.engine.filters import Candidate, Filters, silent_share
from soundsift.data.engine.forecast import forecast
from soundsift.data.engine.journal import Journal
from soundsift.data.engine.labelling import Engine
from soundsift.data.engine.program import LineProgram
from soundsift.data.engine.pseudo_label import pseudo_label, samples_of
from soundsift.errors import SoundsiftError
from soundsift.listening import HeardSound
from soundsift.prometheus import text_of
from soundsift.ray_cluster import Cluster

RATE = 16_000

CAPTIONER = """
import json, sys
for line in sys.stdin:
    asked = json.loads(line)
    assert asked["audio"].endswith(".wav")
    print(json.dumps({"caption": "A dog barks while a man is speaking."}), flush=True)
"""
SCORER = """
import json, sys
for line in sys.stdin:
    asked = json.loads(line)
    print(json.dumps({"score": 0.9 if asked["phrase"] == "dog barks" else 0.1}), flush=True)
"""


@dataclass
class FixedDetector:
    """Hears every phrase with one confidence, and one sound."""

    confidence: float = 0.9

    def listen(self, samples, phrases=None, *, sample_rate, limit=10):
        return [HeardSound(p, self.confidence, "sure", ()) for p in phrases or ["dog barking"]]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return write_tiny_model(tmp_path_factory.mktemp("model"))


@pytest.fixture
def recordings(tmp_path):
    folder = tmp_path / "recordings"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for name, seconds in (("a", 2.5), ("b", 1.2)):
        soundfile.write(folder / f"{name}.wav", rng.normal(0, 0.1, round(seconds * RATE)), RATE)
    return sorted(folder.iterdir())


@pytest.fixture
def programs(tmp_path):
    found = {}
    for name, code in (("captioner", CAPTIONER), ("scorer", SCORER)):
        (tmp_path / f"{name}.py").write_text(code)
        found[name] = (sys.executable, str(tmp_path / f"{name}.py"))
    return found


@pytest.fixture
def config(model, programs):
    return EngineConfig(
        model=str(model),
        captioner=programs["captioner"],
        programs={"text-target": programs["scorer"]},
        off=frozenset({"text-residual", "complexity"}),
        seconds=1.0,
        shortest=0.4,
    )


@pytest.fixture
def engine(config, monkeypatch):
    captioner = ProgramCaptioner(LineProgram(config.captioner), config.phrases)
    filters = Filters(config, FixedDetector())
    made = Engine(config, soundsift.load(config.model, device="cpu"), captioner, filters)
    monkeypatch.setattr(Engine, "load", classmethod(lambda *_: made))
    return made


def lines(path: Path) -> list[dict]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in folder.rglob("*") if p.is_file()}


def test_triplets_hold_their_sound_spans_and_provenance(recordings, config, engine, tmp_path):
    out = tmp_path / "out"
    report = pseudo_label(recordings, out, config)
    # Excerpts of 1 s: 2.5 s make three, 1.2 s make one, and its last 0.2 s are too short.
    assert report.counts == {
        "recordings": 2, "failed": 0, "excerpts": 4, "candidates": 8, "triplets": 4,
    }  # fmt: skip
    assert report.filters["text-target"] == {
        "by": "program", "threshold": 0.35, "asked": 8, "passed": 4,
    }  # fmt: skip
    assert report.filters["complexity"] == {"by": "off"}
    assert report.filters["mask-coverage"] == {"by": "nothing at hand"}
    triplets = lines(out / "triplets.jsonl")
    assert {one["phrase"] for one in triplets} == {"dog barks"}
    for one in triplets:
        mixture, target, residual = (
            soundfile.read(out / one[kind], dtype="int16")[0].astype(int)
            for kind in ("mixture", "target", "residual")
        )
        np.testing.assert_array_equal(target + residual, mixture)
        assert np.any(target)
        provenance = one["provenance"]
        assert provenance["caption"] == "A dog barks while a man is speaking."
        assert provenance["separation"]["text"] == "dog barks"
        assert provenance["scores"]["text-target"] == 0.9
        start, end = provenance["span"]
        whole = soundfile.read(provenance["recording"], dtype="int16")[0]
        part = whole[round(start * RATE) : round(end * RATE)]
        assert np.abs(part - mixture).max() <= 1
        assert one["spans"]
    assert json.loads((out / "report.json").read_text())["counts"] == report.counts


def test_what_is_done_stays_done_and_a_cut_off_line_is_done_again(
    recordings, config, engine, tmp_path, monkeypatch
):
    out = tmp_path / "out"
    pseudo_label(recordings, out, config)
    before = contents(out)
    journal = out / "excerpts.jsonl"
    whole = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(b"".join(whole[:2]) + whole[2][: len(whole[2]) // 2])
    labelled = []
    label = labelling.label
    monkeypatch.setattr(
        labelling, "label", lambda *given: labelled.append(given[1].key) or label(*given)
    )
    pseudo_label(recordings, out, config)
    assert len(labelled) == 2
    assert contents(out) == before
    pseudo_label(recordings, out, config)
    assert len(labelled) == 2
    other = config.model_copy(update={"seconds": 2.0})
    with pytest.raises(SoundsiftError, match="holds a run with another seconds"):
        pseudo_label(recordings, out, other)
    # Nothing is lost by other settings before the first excerpt is done.
    journal.write_bytes(b"")
    pseudo_label(recordings, out, other)
    assert json.loads((out / "run.json").read_text())["seconds"] == 2.0
    assert without_results([*recordings, *(out / "audio").iterdir()]) == recordings


def test_a_damaged_recording_stops_no_other(recordings, config, engine, tmp_path):
    bad = tmp_path / "bad.wav"
    bad.write_bytes(b"RIFF nothing")
    errors = []
    report = pseudo_label([bad, *recordings], tmp_path / "out", config, on_error=errors.append)
    assert report.counts["failed"] == 1
    assert report.counts["excerpts"] == 4
    assert len(errors) == 1
    assert "bad.wav" in errors[0]


@dataclass
class BadCaptioner:
    """A captioner that fails for an excerpt that begins with a number, or kills its worker."""

    captioner: ProgramCaptioner
    fails: float = 0.0
    kills: int = 0

    def name(self, samples, sample_rate, file):
        if self.fails and samples[0, 0] == pytest.approx(self.fails):
            raise ValueError("the excerpt is bad")
        if self.kills:
            self.kills -= 1
            raise Killed
        return self.captioner.name(samples, sample_rate, file)


def over_fake_ray(recordings, out, config, monkeypatch, **given):
    """Two workers whose answers come in the order of Ray's fake, the last one first."""
    ray = FakeRay()
    ray.wait = lambda refs, num_returns, timeout: (refs[-num_returns:], refs[:-num_returns])

    @contextmanager
    def cluster(address, workers, *, processors_only):
        yield Cluster(ray, workers, 0.0, 1)

    monkeypatch.setattr(over_ray, "ray_cluster", cluster)
    return pseudo_label(recordings, out, config, device="cpu", workers=2, **given)


@pytest.mark.parametrize("apart", [False, True])
def test_workers_give_the_bytes_of_one_process(
    recordings, config, engine, tmp_path, monkeypatch, apart
):
    monkeypatch.setattr(over_ray, "accelerated", lambda *_: apart)
    # The same content once more, and a recording that fails.
    twin, bad = tmp_path / "twin.wav", tmp_path / "bad.wav"
    twin.write_bytes(recordings[0].read_bytes())
    bad.write_bytes(b"RIFF nothing")
    given = [recordings[0], bad, twin, recordings[1]]
    pseudo_label(given, tmp_path / "one", config)
    engine.captioner = BadCaptioner(engine.captioner, kills=1)
    report = over_fake_ray(given, tmp_path / "two", config, monkeypatch)
    assert report.counts["excerpts"] == 4
    assert contents(tmp_path / "two") == contents(tmp_path / "one")
    # A run of several workers that was killed is gone on with by one process, and the other way.
    journal = tmp_path / "two" / "excerpts.jsonl"
    whole = journal.read_bytes().splitlines(keepends=True)
    journal.write_bytes(whole[2] + whole[0] + whole[1][:40])
    pseudo_label(given, tmp_path / "two", config)
    assert contents(tmp_path / "two") == contents(tmp_path / "one")


@pytest.mark.parametrize("workers", [1, 2])
def test_a_bad_excerpt_stops_no_sibling(recordings, config, engine, tmp_path, monkeypatch, workers):
    second = soundfile.read(recordings[0], dtype="float32")[0][RATE]
    captioner = engine.captioner
    engine.captioner = BadCaptioner(captioner, fails=second)
    errors, out = [], tmp_path / "out"
    run = pseudo_label if workers == 1 else partial(over_fake_ray, monkeypatch=monkeypatch)
    report = run(recordings, out, config, on_error=errors.append)
    assert report.counts["excerpts"] == 3
    assert report.counts["failed"] == 1
    assert errors == [f"{recordings[0]}: the excerpt is bad"]
    engine.captioner = captioner
    assert run(recordings, out, config).counts["excerpts"] == 4
    pseudo_label(recordings, tmp_path / "one", config)
    assert contents(out) == contents(tmp_path / "one")


def test_a_dry_run_says_what_all_would_take_and_give(recordings, config, engine, tmp_path):
    bad = tmp_path / "bad.wav"
    bad.write_bytes(b"RIFF nothing")
    before = contents(tmp_path)
    found = forecast([*recordings, bad, *recordings], config)
    assert contents(tmp_path) == before
    assert (found.recordings, found.tried, found.failed) == (5, 5, 1)
    assert "bad.wav" in found.error
    assert found.sound_seconds == pytest.approx(2 * (2.5 + 1.2), abs=0.1)
    assert (found.excerpts, found.candidates, found.triplets) == (8, 16, 8)
    assert found.filters["text-target"]["passed"] == 4
    out = tmp_path / "out"
    pseudo_label(recordings, out, config)
    size = sum(path.stat().st_size for path in (out / "audio").iterdir())
    assert found.result_bytes == pytest.approx(2 * size, rel=0.4)
    assert found.seconds > 0


def test_counters_say_what_passed(recordings, config, engine, tmp_path):
    report = pseudo_label(recordings, tmp_path / "out", config)
    text = text_of("soundsift_pseudo_label", samples_of(report))
    assert "soundsift_pseudo_label_triplets_total 4\n" in text
    assert 'soundsift_pseudo_label_filter_passed_total{filter="text-target"} 4\n' in text
    assert "soundsift_pseudo_label_sound_seconds 3.5\n" in text


@pytest.mark.slow
def test_real_workers_and_a_killed_driver(model, tmp_path):
    """The bytes of one process, after a driver and its workers were killed."""
    pytest.importorskip("ray", reason="the extra `ray`")
    folder = tmp_path / "recordings"
    folder.mkdir()
    rng = np.random.default_rng(0)
    for number in range(12):
        wave = rng.normal(0, 0.1, round((2.2 + 0.1 * number) * RATE))
        soundfile.write(folder / f"{number}.wav", wave, RATE)
    command = [sys.executable, "-m", "soundsift.cli", "data", "pseudo-label", str(folder)]
    command += ["--model", str(model), "--seconds", "1", "--least-confidence", "0"]
    command += ["--off", "text-target", "--off", "text-residual", "--off", "complexity"]
    command += ["--device", "cpu", "--out"]
    one, two = tmp_path / "one", tmp_path / "two"
    subprocess.run([*command, str(one)], check=True, capture_output=True)
    first = subprocess.Popen([*command, str(two), "--workers", "2"], stdout=subprocess.DEVNULL)
    journal, until = two / "excerpts.jsonl", time.monotonic() + 120
    while not (journal.exists() and journal.read_bytes().count(b"\n") > 3):
        assert time.monotonic() < until
        time.sleep(0.02)
    first.kill()
    first.wait()
    kept = journal.read_bytes()
    kept = kept[: kept.rindex(b"\n") + 1]
    assert kept.count(b"\n") < len((one / "excerpts.jsonl").read_bytes().splitlines())
    again = subprocess.run([*command, str(two), "--workers", "2"], capture_output=True, text=True)
    assert (again.returncode, again.stderr) == (0, "")
    assert contents(two) == contents(one)


def test_rejected_sound_is_kept_if_asked(recordings, config, engine, tmp_path):
    kept = config.model_copy(update={"keep_rejected": True})
    engine.config = kept
    pseudo_label(recordings, tmp_path / "out", kept)
    rejected = [
        one
        for line in lines(tmp_path / "out" / "excerpts.jsonl")
        for one in line["candidates"]
        if one["failed"]
    ]
    assert rejected
    assert all((tmp_path / "out" / one["files"]["target"]).is_file() for one in rejected)


@pytest.mark.slow
def test_killed_at_any_moment_it_ends_the_same(recordings, config, tmp_path):
    command = [sys.executable, "-m", "soundsift.cli", "data", "pseudo-label"]
    command += [str(recordings[0].parent), "--model", config.model, "--seconds", "1"]
    command += ["--off", "text-target", "--off", "text-residual", "--off", "complexity"]
    command += ["--least-confidence", "0"]

    def run(out: str, seconds: float | None) -> None:
        process = subprocess.Popen([*command, "--out", str(tmp_path / out)])
        if seconds is None:
            assert process.wait() == 0
            return
        deadline = time.monotonic() + 120
        journal = tmp_path / out / "excerpts.jsonl"
        while time.monotonic() < deadline and not (journal.exists() and journal.stat().st_size):
            time.sleep(0.02)
        time.sleep(seconds)
        os.kill(process.pid, signal.SIGKILL)
        process.wait()

    run("whole", None)
    run("killed", 0.1)
    run("killed", None)
    whole, killed = (lines(tmp_path / out / "triplets.jsonl") for out in ("whole", "killed"))
    assert whole
    assert killed == whole


@pytest.mark.parametrize(
    ("caption", "phrases"),
    [
        ("A dog barks while a man is speaking in the background.", ["dog barks", "man speaking"]),
        (
            "Rain falling on a roof, and thunder rumbles in the distance",
            ["rain falling", "thunder rumbles"],
        ),
        (
            "There is an engine idling followed by a horn honking loudly",
            ["engine idling", "horn honking"],
        ),
        ("The sound of waves crashing at the beach", ["waves crashing"]),
        ("An indescribable combination of many different odd sounds occurring", []),
        ("no birds", []),
        ("", []),
    ],
)
def test_noun_phrases(caption, phrases):
    assert noun_phrases(caption) == phrases


def test_only_what_can_be_asked_for_is_separated():
    given = ["The Dog", "no birds", "dog", "rain, wind", "everything but speech", "dog barks"]
    found = usable([NamedSound(phrase, None, phrase) for phrase in given])
    assert [sound.phrase for sound in found] == ["dog", "dog barks"]
    assert found[0].caption == "The Dog"


def candidate(target: np.ndarray, mixture: np.ndarray) -> Candidate:
    residual = mixture - target
    return Candidate("dog", mixture, target, residual, RATE, {}, None, (0.0, 2.0))


def test_filters_compare_in_their_direction():
    config = EngineConfig(off=frozenset({"complexity"}), thresholds={"text-target": 0.8})
    noise = np.random.default_rng(0).normal(0, 0.1, (1, 2 * RATE)).astype(np.float32)
    filters = Filters(config, FixedDetector(0.97))
    scores = filters.score(candidate(noise * 0.5, noise))
    assert set(scores) == {"text-target", "text-residual", "silence"}
    assert filters.failed(scores) == ["text-residual"]
    assert config.threshold("text-residual") == 0.95
    assert EngineConfig(clap="folder").threshold("text-residual") == 0.0


def test_silence_is_a_share_of_the_target():
    mixture = np.random.default_rng(0).normal(0, 0.1, (1, 2 * RATE)).astype(np.float32)
    target = mixture.copy()
    target[:, RATE // 2 :] = 0
    assert silent_share(candidate(target, mixture)) == pytest.approx(0.75, abs=0.02)
    assert silent_share(candidate(mixture * 1e-4, mixture)) == 1.0
    assert silent_share(candidate(np.zeros_like(mixture), mixture)) == 1.0


def test_a_journal_refuses_damage_and_forgets_half_a_line(tmp_path):
    journal = Journal(tmp_path / "j.jsonl")
    journal.add("one", {"x": 1})
    journal.close()
    with (tmp_path / "j.jsonl").open("a") as file:
        file.write('{"key": "tw')
    again = Journal(tmp_path / "j.jsonl")
    assert set(again.lines) == {"one"}
    again.add("two", {"x": 2})
    again.close()
    assert [one["key"] for one in lines(tmp_path / "j.jsonl")] == ["one", "two"]
    (tmp_path / "j.jsonl").write_text("nonsense\n")
    with pytest.raises(SoundsiftError, match="line 1: damaged"):
        Journal(tmp_path / "j.jsonl")


def test_programs_that_end_or_say_nonsense_are_named(tmp_path):
    with pytest.raises(SoundsiftError, match="can't be started"):
        LineProgram(["/nowhere/captioner"]).ask({})
    with pytest.raises(SoundsiftError, match="ended without an answer"):
        LineProgram([sys.executable, "-c", "pass"]).ask({})
    with pytest.raises(SoundsiftError, match="no answer within"):
        LineProgram([sys.executable, "-c", "import time; time.sleep(60)"], seconds=0.2).ask({})
    with pytest.raises(SoundsiftError, match="answered 'hello'"):
        LineProgram([sys.executable, "-c", "print('hello')"]).ask({})


def test_the_command_refuses_unknown_filters(tmp_path):
    for option in (["--off", "loudness"], ["--threshold", "silence"], ["--program", "x=y"]):
        command = ["data", "pseudo-label", str(tmp_path), "--out", str(tmp_path / "o"), *option]
        result = CliRunner().invoke(app, command)
        assert result.exit_code == 2
        assert "names no filter" in result.stderr


def test_the_command(recordings, engine, tmp_path):
    def run(*options):
        command = ["data", "pseudo-label", str(recordings[0].parent), *map(str, options)]
        return CliRunner().invoke(app, command)

    missing = run()
    assert missing.exit_code == 2
    assert "--out is missing" in missing.stderr
    tried = run("--dry-run", "--seconds", 1)
    assert tried.exit_code == 0, tried.output
    assert "text-target by hearing: 2 of 4 pass." in tried.stdout
    assert "2 recordings, about 4 s in 3 excerpts. 2 tried. All would give about" in tried.stdout
    assert json.loads(run("--dry-run", "--json", "--seconds", 1).stdout)["tried"] == 2
    out = tmp_path / "out"
    assert "is a directory" in run("--out", out, "--metrics", tmp_path).stderr
    done = run("--out", out, "--seconds", 1, "--metrics", tmp_path / "new" / "m.prom")
    assert done.exit_code == 0, done.output
    assert "from 6 candidates in 3 excerpts" in done.stdout
    assert "_excerpts_total 3\n" in (tmp_path / "new" / "m.prom").read_text()
    own = CliRunner().invoke(app, ["data", "pseudo-label", str(out), "--dry-run"])
    assert "nothing but results" in own.stderr
