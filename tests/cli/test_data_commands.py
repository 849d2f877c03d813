"""`soundsift data`; `preview` at work is in tests/data/test_preview.py."""

import subprocess
from collections import Counter

from soundsift.cli import data
from soundsift.data import decoding, manifest, packing, render, sources
from soundsift.data import fetch as fetching
from soundsift.data.procedural import render as procedural


def test_fetch(run, tmp_path, monkeypatch):
    asked = []

    def fetch(bank, names, mirror):
        asked.extend([*names, mirror])
        return names[:1]

    monkeypatch.setattr(fetching, "fetch", fetch)
    command = ("data", "fetch", "--bank", tmp_path, "--mirror", tmp_path / "copies")
    result = run(*command, "--package", "stk", "--package", "flite")
    assert result.exit_code == 0, result.stderr
    assert asked == ["stk", "flite", tmp_path / "copies"]
    assert result.stdout == f"1 of 2 sources are unpacked in {tmp_path}.\n"


def test_fetch_takes_every_package_unless_told(run, tmp_path, monkeypatch, one_sentence):
    asked = []
    monkeypatch.setattr(fetching, "fetch", lambda bank, names, mirror: asked.extend(names))
    one_sentence(run("data", "fetch", "--bank", tmp_path), "nothing could be downloaded")
    assert asked == list(sources.sources())


def test_fetch_refuses_strangers(run, tmp_path, one_sentence):
    result = run("data", "fetch", "--bank", tmp_path / "bank", "--package", "bash")
    one_sentence(result, "bash", "not in the list")
    assert not (tmp_path / "bank").exists()


def test_fetch_of_a_damaged_package(run, tmp_path, monkeypatch, one_sentence):
    def fetch(bank, names, mirror):
        raise subprocess.CalledProcessError(2, ["dpkg-deb", "-x", "stk.deb", "stk.partial"])

    monkeypatch.setattr(fetching, "fetch", fetch)
    one_sentence(run("data", "fetch", "--bank", tmp_path, "--package", "stk"), "stk.deb")


def test_fetch_into_a_file(run, tmp_path, one_sentence):
    (tmp_path / "bank").write_text("mine")
    one_sentence(run("data", "fetch", "--bank", tmp_path / "bank"), str(tmp_path / "bank"))


def test_build_renders_before_it_writes_the_manifest(run, tmp_path, monkeypatch):
    order = []
    (tmp_path / "packages" / "stk").mkdir(parents=True)
    monkeypatch.setattr(
        render, "render_all", lambda bank, workers: order.append(("render", workers)) or 3
    )
    monkeypatch.setattr(
        procedural, "render_all", lambda bank, workers: order.append(("generate", workers)) or 7
    )
    counts = Counter({"train": 10, "validation": 1, "test": 2, "stranger-test": 3})
    monkeypatch.setattr(
        decoding, "decode_all", lambda bank, workers: order.append(("decode", workers))
    )
    monkeypatch.setattr(
        manifest, "write_manifest", lambda bank, rules: order.append(("write", 0)) or counts
    )
    result = run("data", "build", "--bank", tmp_path, "--workers", 1)
    assert result.exit_code == 0, result.stderr
    assert order == [("render", 1), ("generate", 1), ("decode", 1), ("write", 0)]
    assert result.stdout.splitlines() == [
        "Played 3 new instrument stems.",
        "Generated 7 clips of procedural sound.",
        "16 clips (10 train, 1 validation, 2 test, 0 stranger-validation, 3 stranger-test) in "
        f"{tmp_path / 'manifest.jsonl'}.",
    ]


def test_build_without_packages(run, tmp_path, one_sentence):
    one_sentence(run("data", "build", "--bank", tmp_path), str(tmp_path), "data fetch")


def test_missing_extra(run, tmp_path, monkeypatch, one_sentence):
    monkeypatch.setattr("soundsift.cli.requirements.find_spec", lambda name: None)
    (tmp_path / "packages" / "stk").mkdir(parents=True)
    one_sentence(run("data", "build", "--bank", tmp_path), "mido", "soundsift[train]")


def test_preview_without_a_bank(run, tmp_path, one_sentence):
    command = ("data", "preview", "--bank", tmp_path / "bank", "--out", tmp_path / "out")
    one_sentence(run(*command), str(tmp_path / "bank"), "data build")
    one_sentence(run(*command, "--config", tmp_path / "no.yaml"), "no.yaml")
    one_sentence(run(*command, "--split", "exam"), "--split", "exam")
    one_sentence(run(*command, "--seconds", "0"), "--seconds")
    assert list(tmp_path.iterdir()) == []


def test_help_says_what_fetch_downloads():
    from importlib import resources

    import yaml

    listed = yaml.safe_load((resources.files("soundsift.data") / "sources.yaml").read_text())
    sizes = [entry["megabytes"] for entries in listed.values() for entry in entries.values()]
    gigabytes = sum(sizes) / 1000
    assert f"about {gigabytes:.0f} GB" in data.fetch.__annotations__["package"]


def test_pack(run, tmp_path, monkeypatch, one_sentence):
    asked = []

    def pack(bank, out, megabytes, shard_megabytes, **rest):
        asked.append((bank, out, megabytes, shard_megabytes, rest))
        return 12, 3

    monkeypatch.setattr(packing, "pack", pack)
    out = tmp_path / "packed"
    command = ("data", "pack", "--bank", tmp_path / "bank", "--out", out, "--megabytes", 90)
    result = run(*command)
    assert result.exit_code == 0, result.stderr
    usual = {"workers": 2, "longest_seconds": packing.LONGEST_SECONDS, "kilobits": packing.KILOBITS}
    assert asked == [(tmp_path / "bank", out, 90, 50, usual)]
    assert result.stdout == f"12 clips in 3 shards in {out}.\n"
    out.mkdir()
    (out / "manifest.jsonl").touch()
    one_sentence(run(*command), str(out), "--overwrite")
    assert run(*command, "--overwrite", "--kilobits", 24, "--longest", 5).exit_code == 0
    assert asked[-1][-1] == {"workers": 2, "longest_seconds": 5, "kilobits": 24}


def test_pack_without_a_bank(run, tmp_path, one_sentence):
    result = run("data", "pack", "--bank", tmp_path / "bank", "--out", tmp_path / "out")
    one_sentence(result, str(tmp_path / "bank"), "data build")
    assert not (tmp_path / "out").exists()
