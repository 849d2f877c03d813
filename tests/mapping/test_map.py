"""Maps of tiny manifests in every container, with a tiny model."""

import io
import json
import tarfile

import fsspec
import numpy as np
import pytest
import soundfile
from tests.tiny_model import write_tiny_model
from typer.testing import CliRunner

from soundsift.cli import app
from soundsift.errors import SoundsiftError
from soundsift.mapping import runner
from soundsift.mapping.config import MapConfig
from soundsift.mapping.parts import Parts
from soundsift.mapping.rows import container_of, read_rows
from soundsift.mapping.runner import dry_run, run_map, samples_of
from soundsift.prometheus import text_of

RATE = 16_000
TEXTS = ["dog barking", "rain", "thunder", "birds"]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    return write_tiny_model(tmp_path_factory.mktemp("model"))


@pytest.fixture
def config(model):
    return MapConfig(model=str(model), rows=2)


@pytest.fixture
def recordings(tmp_path):
    rng = np.random.default_rng(0)
    waves = {}
    for number in range(4):
        path = tmp_path / f"{number}.wav"
        soundfile.write(path, rng.normal(0, 0.1, RATE // 4), RATE, subtype="PCM_16")
        waves[f"{number}.wav"] = path.read_bytes()
    return waves


@pytest.fixture
def manifest(tmp_path, recordings):
    rows = [
        {"id": f"r{n}", "audio": name, "text": TEXTS[n], "shelf": n}
        for n, name in enumerate(recordings)
    ]
    path = tmp_path / "rows.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return path


def write_shard(path, recordings, texts=TEXTS):
    with tarfile.open(path, "w") as shard:
        for number, content in enumerate(recordings.values()):
            facts = json.dumps({"text": texts[number], "shelf": number}).encode()
            for member, data in ((f"{number:04d}.wav", content), (f"{number:04d}.json", facts)):
                info = tarfile.TarInfo(member)
                info.size = len(data)
                shard.addfile(info, io.BytesIO(data))


def write_parquet(path, recordings):
    arrow = pytest.importorskip("pyarrow", reason="the extra `map`")
    parquet = pytest.importorskip("pyarrow.parquet")
    audio = [{"bytes": content, "path": name} for name, content in recordings.items()]
    ids = [f"r{n}" for n in range(len(audio))]
    columns = {"id": ids, "audio": audio, "text": TEXTS, "shelf": list(range(4))}
    parquet.write_table(arrow.table(columns), path)


def facts_of(out, container):
    parts = Parts(str(out), container)
    return [one for number in sorted(parts.done()) for one in parts.facts(number)]


def samples(content):
    return soundfile.read(io.BytesIO(content), dtype="int16")[0].astype(int)


def test_every_row_is_done_and_stems_add_up(manifest, config, recordings, tmp_path):
    report = run_map(str(manifest), str(tmp_path / "out"), config)
    assert (report.rows, report.results, report.failed) == (4, 4, 0)
    assert report.sound_seconds == pytest.approx(1.0)
    facts = facts_of(tmp_path / "out", "jsonl")
    assert [one["id"] for one in facts] == ["r0", "r1", "r2", "r3"]
    assert [one["text"] for one in facts] == TEXTS
    assert [one["shelf"] for one in facts] == [0, 1, 2, 3]
    for one, content in zip(facts, recordings.values(), strict=True):
        target, residual = (
            samples((tmp_path / "out" / one[stem]).read_bytes()) for stem in ("target", "residual")
        )
        np.testing.assert_array_equal(target + residual, samples(content))
        assert 0 <= one["confidence"] <= 1


def test_containers_hold_the_same_results(manifest, config, recordings, tmp_path):
    run_map(str(manifest), str(tmp_path / "jsonl"), config)
    by_lines = facts_of(tmp_path / "jsonl", "jsonl")
    write_shard(tmp_path / "rows.tar", recordings)
    run_map(str(tmp_path / "rows.tar"), str(tmp_path / "tar"), config)
    in_shard = facts_of(tmp_path / "tar", "webdataset")
    for one, other in zip(by_lines, in_shard, strict=True):
        for name in ("text", "shelf", "target_level_db", "confidence"):
            assert one[name] == other[name]
    with tarfile.open(tmp_path / "tar" / "part-000000.tar") as shard:
        names = shard.getnames()
        first = shard.extractfile(next(n for n in names if n.endswith(".target.flac"))).read()
    assert first == (tmp_path / "jsonl" / by_lines[0]["target"]).read_bytes()


def test_parquet_in_and_out(config, recordings, tmp_path):
    write_parquet(tmp_path / "rows.parquet", recordings)
    report = run_map(str(tmp_path / "rows.parquet"), str(tmp_path / "out"), config)
    assert (report.rows, report.failed) == (4, 0)
    parquet = pytest.importorskip("pyarrow.parquet")
    table = parquet.read_table(tmp_path / "out" / "part-000001.parquet").to_pylist()
    assert [row["text"] for row in table] == TEXTS[2:]
    whole = samples(table[0]["target"]) + samples(table[0]["residual"])
    np.testing.assert_array_equal(whole, samples(recordings["2.wav"]))


def test_a_bad_row_stops_no_other(manifest, config, tmp_path):
    (tmp_path / "bad.wav").write_bytes(b"RIFF nothing")
    bad = [
        {"audio": "bad.wav", "text": "dog"},
        {"audio": "missing.wav", "text": "dog"},
        {"text": "dog"},
        {"audio": "0.wav", "text": 7},
        {"audio": "0.wav"},
        {"audio": "0.wav", "text": "dog", "spans": [[3, 1]]},
    ]
    lines = [json.dumps(row) for row in bad] + ["not json", "[]"]
    with manifest.open("a") as file:
        file.write("\n".join(lines) + "\n")
    report = run_map(str(manifest), str(tmp_path / "out"), config)
    assert (report.rows, report.results, report.failed) == (12, 4, 8)
    errors = [one["error"] for one in facts_of(tmp_path / "out", "jsonl") if "error" in one]
    assert len(errors) == 8
    assert "no such file" in errors[1] or "can't be read" in errors[1]
    assert "there is no audio" in errors[2]
    assert "Row 7" in errors[3]
    assert "no text" in errors[4]


def test_what_is_there_is_not_done_again(manifest, config, tmp_path, monkeypatch):
    out = tmp_path / "out"
    run_map(str(manifest), str(out), config)
    before = {p.name: p.read_bytes() for p in out.rglob("*") if p.is_file()}
    # As if killed while the second part was written: its sound is there, and half a file.
    (out / "part-000001.jsonl").rename(out / "part-000001.jsonl.0a.partial")
    done = []
    separate = runner.separate_row
    monkeypatch.setattr(
        runner, "separate_row", lambda *given: done.append(given[1].key) or separate(*given)
    )
    run_map(str(manifest), str(out), config)
    assert done == ["r2", "r3"]
    (out / "part-000001.jsonl.0a.partial").unlink()
    assert {p.name: p.read_bytes() for p in out.rglob("*") if p.is_file()} == before
    with pytest.raises(SoundsiftError, match="holds a map with another seed"):
        run_map(str(manifest), str(out), config.model_copy(update={"seed": 1}))


def test_other_file_systems(manifest, config, recordings):
    memory = fsspec.filesystem("memory")
    for name, content in recordings.items():
        memory.pipe_file(f"/in/{name}", content)
    memory.pipe_file("/in/rows.jsonl", manifest.read_bytes())
    report = run_map("memory://in/rows.jsonl", "memory://out", config)
    assert (report.results, report.failed) == (4, 0)
    assert len(memory.glob("/out/part-*.jsonl")) == 2
    assert len(memory.glob("/out/audio/*.flac")) == 8
    with pytest.raises(SoundsiftError, match="nowhere"):
        list(read_rows("nowhere://a/rows.jsonl"))


def test_a_dry_run_writes_nothing(manifest, config, tmp_path):
    before = sorted(tmp_path.rglob("*"))
    forecast = dry_run(str(manifest), config, tried=2)
    assert sorted(tmp_path.rglob("*")) == before
    assert (forecast.rows, forecast.tried, forecast.failed) == (4, 2, 0)
    assert forecast.sound_seconds == pytest.approx(1.0)
    assert forecast.seconds > 0
    assert forecast.result_bytes > 1000


def test_patterns_name_several_shards(config, recordings, tmp_path):
    for number in range(2):
        write_shard(tmp_path / f"shard-{number}.tar", recordings)
    rows = list(read_rows(str(tmp_path / "shard-*.tar")))
    assert [row.key for row in rows] == ["0000", "0001", "0002", "0003"] * 2
    assert rows[5].extra == {"shelf": 1}
    with pytest.raises(SoundsiftError, match="no such file"):
        list(read_rows(str(tmp_path / "none-*.tar")))
    with pytest.raises(SoundsiftError, match="not a manifest"):
        container_of("rows.csv")
    (tmp_path / "broken.tar").write_bytes(b"x" * 2000)
    with pytest.raises(SoundsiftError, match="can't be read"):
        list(read_rows(str(tmp_path / "broken.tar")))


def test_the_command(manifest, model, tmp_path):
    out, prom = tmp_path / "out", tmp_path / "map.prom"
    command = ["map", str(manifest), "--model", str(model), "--rows", "3"]
    refused = CliRunner().invoke(app, command)
    assert refused.exit_code == 2
    assert "--out is missing" in refused.stderr
    words = CliRunner().invoke(app, [*command, "--dry-run"])
    assert words.exit_code == 0, words.output
    assert words.stdout.startswith("4 rows, about 1 s of sound.")
    more = ["--out", str(out), "--only", "target", "--metrics", str(prom), "--json"]
    done = CliRunner().invoke(app, [*command, *more])
    assert done.exit_code == 0, done.output
    assert json.loads(done.stdout)["results"] == 4
    assert "soundsift_map_results_total 4\n" in prom.read_text()
    assert not list(out.rglob("*.residual.flac"))
    with manifest.open("a") as file:
        file.write("{}\n")
    more = CliRunner().invoke(app, [*command, "--out", str(tmp_path / "bad")])
    assert more.exit_code == 3
    assert "1 rows failed" in more.stdout


def test_counters_are_prometheus_text():
    text = text_of("soundsift_map", samples_of(runner.MapReport(4, 3, 1, 2, 10.5, 2.0)))
    assert text.splitlines()[:2] == [
        "# TYPE soundsift_map_rows_total gauge",
        "soundsift_map_rows_total 4",
    ]
    assert "soundsift_map_sound_seconds 10.5" in text
