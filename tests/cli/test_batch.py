"""`separate` and `remove` with many files."""

import json
import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import numpy as np
import pytest
import soundfile

import soundsift
from soundsift.audio import quantise, staging
from soundsift.separation.separator import Separator

RATE = 16_000


def recording(path: Path, seed: int = 0, seconds: float = 0.3) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    samples = np.random.default_rng(seed).normal(0, 0.1, (round(RATE * seconds), 1))
    soundfile.write(path, samples, RATE, format="WAV", subtype="PCM_16")
    return path


@pytest.fixture
def takes(tmp_path):
    folder = tmp_path / "takes"
    for number in range(4):
        recording(folder / f"take{number}.wav", number)
    return folder


def contents(folder: Path) -> dict[str, bytes]:
    return {str(p.relative_to(folder)): p.read_bytes() for p in sorted(folder.rglob("*"))}


def lines(result) -> list[dict]:
    return [json.loads(line) for line in result.stdout.splitlines()]


def command(takes: Path, model: Path, out: Path, *more: object) -> tuple[object, ...]:
    return ("separate", takes, "--text", "dog", "--model", model, "--out", out, *more)


def test_a_damaged_file_is_reported_and_the_others_go_on(run, takes, model, tmp_path):
    (takes / "take1.wav").write_text("no sound")
    result = run(*command(takes, model, tmp_path / "out"))
    assert result.exit_code == 3
    assert "take1.wav" in result.stderr and len(result.stderr.splitlines()) == 1
    assert result.stdout.splitlines()[-1] == "3 done, 1 failed."
    result = run(*command(takes, model, tmp_path / "out", "--json"))
    assert result.exit_code == 3
    found = {Path(f["input"]).name: f for f in lines(result)}
    assert {n: f["status"] for n, f in found.items()} == {
        "take0.wav": "skipped",
        "take1.wav": "failed",
        "take2.wav": "skipped",
        "take3.wav": "skipped",
    }
    assert "take1.wav" in found["take1.wav"]["error"]


def test_a_bug_fails_one_recording_of_many(run, takes, model, tmp_path, monkeypatch):
    def examine(path: Path, **more: object) -> object:
        if path.name == "take1.wav":
            raise IndexError("list index out of range")
        return soundsift.audio.examine(path, **more)

    monkeypatch.setattr("soundsift.batch.runner.examine", examine)
    result = run(*command(takes, model, tmp_path / "out"))
    assert result.exit_code == 3
    assert "take1.wav: unexpected error (IndexError: list" in result.stderr
    assert len(result.stderr.splitlines()) == 1
    assert result.stdout.splitlines()[-1] == "3 done, 1 failed."
    # Alone, it keeps its traceback.
    alone = run(*command(takes / "take1.wav", model, tmp_path / "alone"))
    assert isinstance(alone.exception, IndexError)


@pytest.mark.slow
def test_two_runs_on_one_folder(takes, model, tmp_path):
    """Each recording is done by one of them or both; nothing fails, and all results are whole."""
    asked = [
        sys.executable,
        "-m",
        "soundsift.cli",
        *map(str, command(takes, model, tmp_path / "out")),
    ]
    runs = [subprocess.Popen(asked, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in "ab"]
    for process in runs:
        _, err = process.communicate(timeout=300)
        assert process.returncode == 0, err
        assert b"failed" not in err
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {
        f"take{n}.dog.{kind}" for n in range(4) for kind in ("target.wav", "residual.wav", "json")
    }


def test_all_damaged(run, tmp_path, model):
    for name in "ab":
        (tmp_path / f"{name}.wav").write_text("no sound")
    result = run(*command(tmp_path, model, tmp_path / "out"))
    assert result.exit_code == 2
    assert not (tmp_path / "out").exists()


def test_what_is_done_is_skipped_and_overwrite_does_it_again(
    run, takes, model, tmp_path, monkeypatch
):
    out = tmp_path / "out"
    assert run(*command(takes, model, out)).exit_code == 0
    before = contents(out)
    assert len(before) == 12
    calls = []
    real = Separator.separate_into

    def counting(self, destinations, source, *prompts, **rest):
        calls.append(source.path.name)
        return real(self, destinations, source, *prompts, **rest)

    monkeypatch.setattr(Separator, "separate_into", counting)
    result = run(*command(takes, model, out))
    assert result.exit_code == 0 and result.stdout.count("done already") == 4
    assert not calls
    # A copy of the recording is the same recording; files that are missing or empty are made again.
    os.utime(takes / "take0.wav", (1, 1))
    (out / "take2.dog.target.wav").write_bytes(b"")
    (out / "take3.dog.residual.wav").unlink()
    result = run(*command(takes, model, out, "--json"))
    assert [f["status"] for f in lines(result)].count("skipped") == 2
    assert calls == ["take2.wav", "take3.wav"]
    assert contents(out) == before
    assert run(*command(takes, model, out, "--overwrite")).exit_code == 0
    assert len(calls) == 6


@pytest.mark.parametrize("noted", [True, False])
def test_results_that_the_user_has_edited_are_kept(
    run, takes, model, tmp_path, one_sentence, noted
):
    out = tmp_path / "out"
    asked = command(takes / "take0.wav", model, out)
    assert run(*asked).exit_code == 0
    edited, settings = out / "take0.dog.target.wav", out / "take0.dog.json"
    edited.write_bytes(edited.read_bytes()[:-40])
    (out / "take0.dog.residual.wav").unlink()
    if not noted:
        settings.write_text(json.dumps(json.loads(settings.read_text()) | {"bytes": None}))
    before = contents(out)
    one_sentence(run(*asked), "take0.dog.target.wav", "has changed", "--overwrite")
    assert contents(out) == before
    assert run(*asked, "--overwrite").exit_code == 0
    assert len(contents(out)) == 3


@pytest.mark.parametrize("where", [".", "stems"])
def test_a_pattern_can_be_run_again(run, takes, model, where):
    asked = command(takes / "*", model, takes / where)
    assert run(*asked).exit_code == 0
    before = sorted(takes.rglob("*"))
    result = run(*asked, "--json")
    assert result.exit_code == 0, result.stderr
    assert [f["status"] for f in lines(result)] == ["skipped"] * 4
    assert sorted(takes.rglob("*")) == before


def test_what_a_shell_makes_of_a_pattern_can_be_run_again(run, takes, model):
    out = takes / "stems"
    for status in ("done", "skipped"):
        result = run(*command(takes / "take0.wav", model, out, "--json"), *sorted(takes.iterdir()))
        assert result.exit_code == 0, result.stderr
        assert [f["status"] for f in lines(result)] == [status] * 4


def test_errors_say_which_recording(run, takes, model, tmp_path):
    recording(takes / "take2.wav", seconds=1)
    result = run(*command(takes, model, tmp_path / "out", "--span", "0.4-0.5"))
    assert result.exit_code == 3
    named = sorted(line.partition(": Span 0.4-0.5 ")[0] for line in result.stderr.splitlines())
    assert named == [str(takes / f"take{number}.wav") for number in (0, 1, 3)]


def test_a_name_that_looks_like_a_field(run, tmp_path, model):
    recording(tmp_path / "x{kind}y.wav")
    for more, name in (
        ((), "x{kind}y.dog.target.wav"),
        (("--name", "{{kind}}-{kind}"), "{kind}-target.wav"),
    ):
        asked = command(tmp_path / "x{kind}y.wav", model, tmp_path / "out", *more)
        for _ in range(2):
            result = run(*asked)
            assert result.exit_code == 0, result.stderr
        assert "done already" in result.stdout and (tmp_path / "out" / name).is_file()


def test_another_request_gets_a_number_and_each_is_known_again(run, takes, model, tmp_path):
    """Nothing is lost, and the same command finds its own results, whatever was first."""
    requests = (("--seed", 1), ("--seed", 2), ("--span", "0-0.1"), ("--format", "flac"))
    for status in ("done", "skipped"):
        for number, more in enumerate(requests, 1):
            result = run(*command(takes, model, tmp_path / "out", "--json", *more))
            assert result.exit_code == 0, result.stderr
            assert {one["status"] for one in lines(result)} == {status}
            name = "take3.dog" if number == 1 else f"take3.dog-{number}"
            assert Path(lines(result)[3]["files"]["settings"]).name == f"{name}.json"
    again = ("--seed", 2, "--overwrite")
    (one,) = lines(run(*command(takes / "take0.wav", model, tmp_path / "out", "--json", *again)))
    assert (one["status"], Path(one["files"]["target"]).name) == ("done", "take0.dog-2.target.wav")


@pytest.mark.parametrize(
    ("more", "word"),
    [
        (["--seed", 1], "seed"),
        (["--picture"], "picture"),
        (["--bits", "24"], "bits"),
        (["--span", "0-0.1"], "spans"),
    ],
)
def test_other_results_are_in_the_way_of_a_name(
    run, takes, model, tmp_path, more, word, one_sentence
):
    out = tmp_path / "out"
    named = ("--name", "{stem}.{text}")
    run(*command(takes / "take0.wav", model, out, *named))
    before = contents(out)
    result = run(*command(takes, model, out, *named, *more))
    one_sentence(result, "take0.dog.json", "exists already", word, "--overwrite")
    assert contents(out) == before


def test_another_recording_of_the_same_name_is_no_repetition(
    run, takes, model, tmp_path, one_sentence
):
    out = tmp_path / "out"
    named = ("--name", "{stem}.{text}")
    run(*command(takes / "take0.wav", model, out, *named))
    recording(takes / "take0.wav", 9)
    result = run(*command(takes / "take0.wav", model, out, *named))
    one_sentence(result, "take0.dog.json", "another recording")


def test_two_recordings_for_one_name(run, takes, model, tmp_path, one_sentence, monkeypatch):
    monkeypatch.setattr(soundsift, "load", None)
    recording(takes / "more" / "take0.wav")
    result = run(*command(takes, model, tmp_path / "out"))
    one_sentence(result, "more/take0.wav", "take0.dog.target.wav", "{parent}")
    assert not (tmp_path / "out").exists()


def test_names_and_formats(run, takes, model, tmp_path):
    out = tmp_path / "out"
    recording(takes / "more" / "take0.wav")
    more = ("--name", "{index}_{parent}_{stem}_{kind}.flac", "--picture")
    assert run(*command(takes, model, out, *more)).exit_code == 0
    assert (out / "4_takes_take3_target.flac").is_file()
    kinds = {p.stem.rpartition("_")[2] for p in out.iterdir()}
    assert kinds == {"target", "residual", "settings", "picture"}
    done = run("remove", takes / "take0.wav", "--text", "dog", "--model", model, "--out", out)
    assert done.exit_code == 0 and (out / "take0.dog.without.wav").is_file()


@pytest.mark.parametrize(
    ("more", "words"),
    [
        (["--name", "{stm}"], ["{stm}", "{stem}"]),
        (["--format", "wma"], ["'wma'", "flac"]),
        (["--format", "flac", "--bits", "32f"], ["flac", "32f"]),
        (["--format", "mp3", "--bitrate", "1000"], ["1000", "320"]),
        (["--bitrate", "100"], ["wav", "100"]),
        (["--format", "mp3", "--name", "a.flac"], ["flac", "mp3"]),
        (["--jobs", "0"], ["--jobs", "0"]),
        (["--jobs-file", "jobs.jsonl"], ["jobs.jsonl", "can't be combined"]),
        (["--text", "dog"], ["would both be written", "take0.dog.target.wav"]),
        (["gone.wav"], ["gone.wav", "does not exist"]),
        (["*.xyz"], ["*.xyz", "nothing matches"]),
    ],
)
def test_refused_before_any_work(run, takes, model, tmp_path, more, words, one_sentence):
    one_sentence(run(*command(takes, model, tmp_path / "out", *more)), *words)
    assert not (tmp_path / "out").exists()


def test_a_sound_file_has_no_picture(run, takes, model, tmp_path, one_sentence):
    result = run(*command(takes / "take0.wav", model, tmp_path / "out", "--format", "video"))
    one_sentence(result, "take0.wav", "no moving picture")


def test_opus_says_what_happens_to_the_rate(run, takes, model, tmp_path):
    result = run(*command(takes / "take0.wav", model, tmp_path / "out", "--format", "opus"))
    assert "48000 Hz: opus has no 16000 Hz" in result.stdout


def test_a_job_list(run, takes, model, tmp_path, one_sentence):
    path = takes / "jobs.jsonl"
    jobs = [
        {"input": "take0.wav", "text": "Dog", "seed": 7, "name": "first"},
        {"input": "take1.wav", "spans": [[0, 0.1]], "not_spans": ["0.2-0.3"]},
        {"input": str(takes / "take0.wav"), "text": "cat"},
    ]
    path.write_text("\n".join(map(json.dumps, jobs)))
    common = ("separate", "--jobs-file", path, "--model", model, "--out", tmp_path / "out")
    result = run(*common, "--json", "--name", "{stem}_{text}", "--seed", 3)
    assert result.exit_code == 0, result.stderr
    found = lines(result)
    assert [Path(f["files"]["target"]).name for f in found] == [
        "first.target.wav",
        "take1_span.target.wav",
        "take0_cat.target.wav",
    ]
    assert [f["settings"]["seed"] for f in found] == [7, 3, 3]
    assert [s["positive"] for s in found[1]["settings"]["spans"]] == [True, False]
    for line, words in (
        ({"input": "take0.wav"}, "prompt is empty"),
        ({"input": "gone.wav", "text": "dog"}, "does not exist"),
        ({"input": "take0.wav", "spans": ["2-1"]}, "ends before"),
    ):
        path.write_text(json.dumps(jobs[0]) + "\n" + json.dumps(line))
        one_sentence(run(*common, "--overwrite"), "line 2", words)


def test_interruption_in_a_batch_leaves_whole_results_only(
    run, takes, model, tmp_path, monkeypatch
):
    real, calls = Separator.separate_into, []

    def stopping(self, *asked, **rest):
        calls.append(asked)
        if len(calls) == 3:
            raise KeyboardInterrupt
        return real(self, *asked, **rest)

    monkeypatch.setattr(Separator, "separate_into", stopping)
    result = run(*command(takes, model, tmp_path / "out"))
    assert result.exit_code == 130
    names = sorted(contents(tmp_path / "out"))
    assert len(names) == 6 and {n.partition(".")[0] for n in names} == {"take0", "take1"}


def test_interruption_while_cleaning_up(run, takes, model, tmp_path, monkeypatch):
    real = staging.empty_folder

    def interrupted(descriptor):
        monkeypatch.setattr(staging, "empty_folder", real)
        raise KeyboardInterrupt

    monkeypatch.setattr(staging, "empty_folder", interrupted)
    result = run(*command(takes, model, tmp_path / "out"))
    assert result.exit_code == 130
    assert len(contents(tmp_path / "out")) == 3 and staging.empty_folder is real
    assert not list((tmp_path / "out").glob(".*"))


def kill_when_in_place(path: Path, run, *arguments: object) -> None:
    """Run in a child, and kill -9 it when a file has moved to its place."""
    child = os.fork()
    if not child:
        real = os.link

        def dying(source, target, **rest):
            real(source, target, **rest)
            if target == path:
                os.kill(os.getpid(), signal.SIGKILL)

        os.link = dying
        run(*arguments)
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == -signal.SIGKILL


def test_killed_while_writing_and_run_again(run, takes, model, tmp_path):
    """While the second file's results move to their destinations."""
    out, whole = tmp_path / "out", tmp_path / "whole"
    assert run(*command(takes, model, whole)).exit_code == 0
    kill_when_in_place(out / "take1.dog.target.wav", run, *command(takes, model, out))
    assert (out / "take1.dog.target.wav").exists() and not (out / "take1.dog.json").exists()
    result = run(*command(takes, model, out, "--json"))
    assert result.exit_code == 0, result.stderr
    assert [f["status"] for f in lines(result)] == ["skipped", "skipped", "done", "done"]
    assert contents(out) == contents(whole)


def process(*arguments: object) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "soundsift.cli", *map(str, arguments)],
        env={**os.environ, "OMP_NUM_THREADS": "1"},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


@pytest.mark.slow
def test_two_processes_give_the_same_bytes(takes, model, tmp_path):
    (takes / "take9.wav").write_text("no sound")
    results = {}
    for jobs in (1, 2):
        out = tmp_path / str(jobs)
        done = process(*command(takes, model, out, "--jobs", jobs, "--json"))
        stdout, stderr = done.communicate(timeout=120)
        assert done.returncode == 3, stderr
        assert stderr.count("\n") == 1 and "take9.wav" in stderr
        assert len(stdout.splitlines()) == 5
        results[jobs] = contents(out)
    assert len(results[1]) == 12 and results[1] == results[2]


@pytest.mark.slow
@pytest.mark.hostile
@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT, signal.SIGTERM])
def test_a_folder_of_fifty_stopped_half_way(model, tmp_path, jobs, how):
    takes, out = tmp_path / "takes", tmp_path / "out"
    for number in range(50):
        recording(takes / f"take{number}.wav", number)
    started = process(*command(takes, model, out, "--jobs", jobs))
    until = time.monotonic() + 100
    while len(list(out.glob("*.json"))) < 8 and time.monotonic() < until:
        time.sleep(0.01)
    started.send_signal(how)
    stderr = started.communicate(timeout=60)[1]
    assert "Traceback" not in stderr
    assert started.returncode == (-how if how == signal.SIGKILL else 130)
    if how != signal.SIGKILL:
        assert stderr == "Interrupted.\n"
        assert not list(out.glob(".*"))
        assert all((out / f"{p.stem}.target.wav").exists() for p in out.glob("*.json"))
    time.sleep(1)  # processes of a killed parent end by themselves
    before = len(list(out.glob("*.json")))
    assert 8 <= before < 50
    again = process(*command(takes, model, out, "--jobs", jobs, "--json"))
    stdout, stderr = again.communicate(timeout=200)
    assert again.returncode == 0, stderr
    states = [json.loads(line)["status"] for line in stdout.splitlines()]
    assert len(states) == 50 and before <= states.count("skipped") <= before + 2
    assert len(contents(out)) == 150
    for path in takes.iterdir():
        whole, target, residual = (
            soundfile.read(p, dtype="int16")[0]
            for p in (path, *(out / f"{path.stem}.{s}.wav" for s in ("target", "residual")))
        )
        np.testing.assert_array_equal(target + residual, whole)
    shutil.rmtree(out)


def stems(out: Path, *names: str) -> list[np.ndarray]:
    return [soundfile.read(out / f"{name}.wav", dtype="int32")[0] >> 16 for name in names]


def sounds_and_rest(takes: Path, model: Path, out: Path, *more: object) -> tuple[object, ...]:
    return command(takes / "take0.wav", model, out, "--text", "bell", *more)


@pytest.mark.parametrize(
    "form",
    [
        (),
        pytest.param(("--format", "flac"), marks=pytest.mark.slow),
        pytest.param(("--bits", "16"), marks=pytest.mark.slow),
    ],
)
def test_sounds_share_a_recording_and_leave_the_rest(run, takes, model, tmp_path, form):
    out = tmp_path / "out"
    subtype = "PCM_24" if "--bits" in form else "PCM_16"
    loud = np.clip(np.random.default_rng(5).normal(0, 0.5, (8000, 2)), -1, 1)
    soundfile.write(takes / "take0.wav", loud, RATE, subtype=subtype)
    result = run(*sounds_and_rest(takes, model, out, "--rest", "--picture", "--json", *form))
    assert result.exit_code == 0, result.stderr
    found = lines(result)
    assert [list(one["files"]) for one in found] == [
        ["target", "residual", "picture", "settings"],
        ["target", "residual", "picture", "settings"],
        ["rest", "picture", "settings"],
    ]
    assert all(Path(file).is_file() for one in found for file in one["files"].values())
    assert found[-1]["settings"]["rest_of"] == ["dog", "bell"]
    suffix = ".flac" if "flac" in form else ".wav"
    whole = quantise(soundfile.read(takes / "take0.wav", dtype="float32")[0], "s16") * 2**15
    names = ("dog.target", "bell.target", "rest", "dog.residual")
    dog, bell, rest, without = (
        soundfile.read(out / f"take0.{name}{suffix}")[0] * 2**15 for name in names
    )
    assert np.array_equal(dog + bell + rest, whole)
    assert np.array_equal(dog + without, whole)


def test_one_pass_for_all_sounds_gives_what_one_for_each_does(
    run, takes, model, tmp_path, monkeypatch
):
    both, each = tmp_path / "both", tmp_path / "each"
    calls = []
    real = Separator.separate_into

    def counting(self, destinations, *asked, **rest):
        calls.append([destination.name for destination in destinations])
        return real(self, destinations, *asked, **rest)

    monkeypatch.setattr(Separator, "separate_into", counting)
    assert run(*sounds_and_rest(takes, model, both)).exit_code == 0
    assert calls == [["take0.dog", "take0.bell"]]
    one = ("separate", takes / "take0.wav", "--model", model, "--out", each)
    for text in ("dog", "bell"):
        assert run(*one, "--text", text, "--name", "{stem}.{text}").exit_code == 0
    whole, found = contents(each), contents(both)
    assert whole.keys() == found.keys() and len(whole) == 6
    for name in ("take0.dog.target", "take0.bell.target"):
        np.testing.assert_allclose(*(stems(out, name)[0] for out in (both, each)), atol=1)
    # Each is known as done by itself.
    (both / "take0.bell.json").unlink()
    (both / "take0.bell.target.wav").unlink()
    (both / "take0.bell.residual.wav").unlink()
    result = run(*sounds_and_rest(takes, model, both, "--json"))
    assert [one["status"] for one in lines(result)] == ["skipped", "done"]
    assert calls[-1] == ["take0.bell"]


def test_sounds_that_share_are_done_together_or_not_at_all(run, takes, model, tmp_path):
    out = tmp_path / "out"
    assert run(*sounds_and_rest(takes, model, out, "--rest")).exit_code == 0
    before = contents(out)
    result = run(*sounds_and_rest(takes, model, out, "--rest", "--json"))
    assert [one["status"] for one in lines(result)] == ["skipped"] * 3
    (out / "take0.rest.wav").unlink()
    result = run(*sounds_and_rest(takes, model, out, "--rest", "--json"))
    assert [one["status"] for one in lines(result)] == ["done"] * 3
    assert contents(out) == before


@pytest.mark.parametrize(("first", "then"), [("--exclusive", None), (None, "--exclusive")])
def test_sharing_is_another_request(run, takes, model, tmp_path, one_sentence, first, then):
    out = tmp_path / "out"
    named = ("--name", "{stem}.{text}")
    assert run(*sounds_and_rest(takes, model, out, *named, *filter(None, [first]))).exit_code == 0
    result = run(*sounds_and_rest(takes, model, out, *named, *filter(None, [then])))
    one_sentence(result, "take0.dog.json", "another request (sharing)")


def test_what_is_at_its_default_now_was_not_then(run, takes, model, tmp_path, one_sentence):
    out = tmp_path / "out"
    named = ("--name", "{stem}.{text}")
    assert run(*command(takes / "take0.wav", model, out, "--seed", 7, *named)).exit_code == 0
    one_sentence(run(*command(takes / "take0.wav", model, out, *named)), "another request (seed)")
    # Of an option that a version before did not know, nothing is noted.
    settings = json.loads((out / "take0.dog.json").read_text())
    del settings["request"]["sharing"], settings["request"]["windowing"]
    (out / "take0.dog.json").write_text(json.dumps(settings))
    assert run(*command(takes / "take0.wav", model, out, "--seed", 7)).exit_code == 0


def test_killed_while_sounds_that_share_appear(run, takes, model, tmp_path):
    """When the first sound is in its place and the second is not."""
    out, whole = tmp_path / "out", tmp_path / "whole"
    assert run(*sounds_and_rest(takes, model, whole, "--rest")).exit_code == 0
    asked = sounds_and_rest(takes, model, out, "--rest")
    kill_when_in_place(out / "take0.dog.target.wav", run, *asked)
    assert not (out / "take0.bell.target.wav").exists()
    result = run(*asked, "--json")
    assert [one["status"] for one in lines(result)] == ["skipped"] * 3
    assert contents(out) == contents(whole)
