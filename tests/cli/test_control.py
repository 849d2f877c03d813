"""Parts, amounts, single stems, sound tracks, folder trees, labels and standard input."""

import io
import json
from pathlib import Path

import av
import numpy as np
import soundfile
from typer.testing import CliRunner

from soundsift.cli import app

RATE = 16_000


def whole(path: Path) -> np.ndarray:
    return soundfile.read(path, dtype="int16")[0]


def test_only_a_part_is_changed(run, mix, model, tmp_path):
    out = tmp_path / "out"
    asked = ("remove", mix, "--text", "dog", "--model", model, "--out", out, "--json")
    result = run(*asked, "--from", "0:00.25", "--to", "0.5", "--by", 12)
    assert result.exit_code == 0, result.stderr
    facts = json.loads(result.stdout)
    assert [facts["settings"][name] for name in ("start", "end", "by")] == [0.25, 0.5, 12]
    before, after = whole(mix), whole(Path(facts["files"]["without"]))
    changed = np.flatnonzero((before != after).any(axis=1))
    assert changed.min() >= 4000 and changed.max() < 8000
    assert json.loads(run(*asked, "--from", "0.25", "--to", "0.5", "--by", "12").stdout)[
        "status"
    ] == ("skipped")


def test_times_that_are_none(run, mix, model, tmp_path, one_sentence):
    asked = ("remove", mix, "--text", "dog", "--model", model, "--out", tmp_path / "out")
    one_sentence(run(*asked, "--from", "soon"), "'soon'", "1:02.5")
    one_sentence(run(*asked, "--from", "5"), "outside the recording", "0 to 1 s")
    one_sentence(run(*asked, "--by", "-3"), "-3 dB")


def test_one_stem_only(run, mix, model, tmp_path, one_sentence):
    asked = (mix, "--text", "dog", "--model", model, "--out", tmp_path / "out", "--only", "target")
    assert run("separate", *asked).exit_code == 0
    names = {path.name for path in (tmp_path / "out").iterdir()}
    assert names == {"street.dog.target.wav", "street.dog.json"}
    one_sentence(run("remove", *asked), "--only target", "one file")


def test_a_folder_keeps_its_tree(run, mix, model, tmp_path):
    takes = tmp_path / "takes"
    for name in ("a.wav", "day1/a.wav", "day1/deep/a.wav"):
        (takes / name).parent.mkdir(parents=True, exist_ok=True)
        (takes / name).write_bytes(mix.read_bytes())
    asked = ("--text", "dog", "--model", model, "--only", "target", "--tree", "--json")
    for out in (tmp_path / "out", takes / "stems"):
        for status in ("done", "skipped"):
            result = run("separate", takes, *asked, "--out", out)
            assert result.exit_code == 0, result.stderr
            assert [json.loads(s)["status"] for s in result.stdout.splitlines()] == [status] * 3
        found = {str(path.relative_to(out)) for path in out.rglob("*.wav")}
        assert found == {f"{d}a.dog.target.wav" for d in ("", "day1/", "day1/deep/")}
    pattern = run("separate", f"{takes}/*/a.wav", *asked, "--out", tmp_path / "more")
    assert pattern.exit_code == 0, pattern.stderr
    assert (tmp_path / "more" / "day1" / "a.dog.target.wav").is_file()


def test_labels_of_audacity_are_spans(run, mix, model, tmp_path, one_sentence):
    labels = tmp_path / "labels.txt"
    labels.write_text("0.2\t0.4\tdog\n0.5\t0.6\tnot\n")
    asked = ("separate", mix, "--model", model, "--out", tmp_path / "out", "--json")
    spans = json.loads(run(*asked, "--labels", labels).stdout)["settings"]["spans"]
    assert [(s["start"], s["end"], s["positive"]) for s in spans] == [
        (0.2, 0.4, True),
        (0.5, 0.6, False),
    ]
    labels.write_text("0.2 0.4\n")
    one_sentence(run(*asked, "--labels", labels), "labels.txt, line 1")


def test_standard_input_in_any_format(mix, model, tmp_path):
    samples, rate = soundfile.read(mix)
    flac = io.BytesIO()
    soundfile.write(flac, samples, rate, format="FLAC")
    asked = ["separate", "-", "--text", "dog", "--model", str(model), "--out", str(tmp_path / "o")]
    for status in ("done", "skipped"):
        result = CliRunner().invoke(app, [*asked, "--json"], input=flac.getvalue())
        assert result.exit_code == 0, result.stderr
        facts = json.loads(result.stdout)
        assert (facts["status"], facts["input"]) == (status, "-")
    result = CliRunner().invoke(app, [*asked, "--overwrite"], input=flac.getvalue())
    assert " from standard input (" in result.stdout
    assert np.array_equal(
        whole(tmp_path / "o" / "stdin.dog.target.wav")
        + whole(tmp_path / "o" / "stdin.dog.residual.wav"),
        whole(mix),
    )


def test_the_second_sound_track(run, model, tmp_path, one_sentence):
    film = tmp_path / "film.mkv"
    rng = np.random.default_rng(0)
    tracks = [rng.integers(-3000, 3000, (1, RATE), np.int16) for _ in range(2)]
    with av.open(str(film), "w") as container:
        streams = [container.add_stream("pcm_s16le", rate=RATE, layout="mono") for _ in tracks]
        for stream, samples in zip(streams, tracks, strict=True):
            frame = av.AudioFrame.from_ndarray(samples, "s16", "mono")
            frame.sample_rate = RATE
            container.mux(stream.encode(frame))
            container.mux(stream.encode(None))
    asked = ("separate", film, "--text", "dog", "--model", model, "--out", tmp_path / "out")
    for number, samples in enumerate(tracks, 1):
        result = run(*asked, "--track", number, "--json")
        assert result.exit_code == 0, result.stderr
        files = json.loads(result.stdout)["files"]
        total = whole(Path(files["target"])) + whole(Path(files["residual"]))
        assert np.array_equal(total, samples[0])
    one_sentence(run(*asked, "--track", "3"), "2 sound tracks", "1 to 2")


def test_what_cannot_be_removed_is_said(run, mix, model, tmp_path, one_sentence):
    asked = ("remove", mix, "--model", model, "--out", tmp_path / "out")
    one_sentence(run(*asked, "--text", "only the voice"), "two ways", "'voice'")
    one_sentence(run(*asked, "--text", "no voice"), "two ways")
    one_sentence(run(*asked, "--text", "dog that is not barking"), "negation")
    result = run(*asked, "--text", "Please remove the dogs, the bell and the rain!", "--json")
    assert result.exit_code == 0, result.stderr
    assert json.loads(result.stdout)["settings"]["text"] == "dogs, bell, rain"
    assert (tmp_path / "out" / "street.dogs-bell-rain.without.wav").is_file()
