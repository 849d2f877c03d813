import json

import pytest
from tests.tiny_hearing import SOUNDS, write_tiny_hearing, write_tiny_vocabulary

from soundsift.cli.listen import table
from soundsift.listening import HeardSound
from soundsift.separation.occurrences import Occurrence


@pytest.fixture
def network(tmp_path, monkeypatch):
    folder = write_tiny_hearing(tmp_path / "hearing", 4.0)
    write_tiny_vocabulary(folder, *SOUNDS)
    monkeypatch.setattr("soundsift.listening.default_folder", lambda: folder)
    monkeypatch.setattr("soundsift.listening._SAME_SOUND", 2.0)


def test_json_labels_and_picture(run, mix, network, tmp_path):
    labels, picture = tmp_path / "rain.txt", tmp_path / "rain.png"
    asked = ("listen", mix, "--text", "rain", "--json", "--labels", labels, "--picture", picture)
    result = run(*asked)
    assert result.exit_code == 0, result.stderr
    facts = json.loads(result.stdout)
    assert facts["input"] == str(mix) and facts["text"] == "rain"
    assert facts["confidence"] > 0.9 and facts["presence"] == "sure"
    assert facts["spans"] == facts["sounds"][0]["spans"]
    assert set(facts["spans"][0]) == {"start", "end", "probability", "sure"}
    assert facts["spans"][0]["start"] == 0 and facts["spans"][0]["end"] >= facts["seconds"] - 0.04
    start, end, title = labels.read_text().rstrip("\n").split("\t")
    assert (float(start), title) == (0.0, "rain") and float(end) == facts["spans"][0]["end"]
    assert picture.read_bytes().startswith(b"\x89PNG")
    again = run(*asked)
    assert again.exit_code == 2 and "rain.txt" in again.stderr


def test_known_sounds_as_a_table(run, mix, network):
    result = run("listen", mix)
    assert result.exit_code == 0, result.stderr
    names = {" ".join(line.split()[2:-1]) for line in result.stdout.splitlines()}
    assert names == {"dog barking", "violin"}
    assert len(json.loads(run("listen", mix, "--json", "--limit", 1).stdout)["sounds"]) == 1


def test_table():
    sound = HeardSound("rain", 0.91, "sure", (Occurrence(41, 41.5, 0.9, True),))
    absent = HeardSound("a violin", 0.02, "absent", ())
    assert table([sound, absent]) == ["0.91  sure    rain      0:41", "0.02  absent  a violin"]
    assert table([]) == ["No sound that the network knows by name is heard surely enough."]


def test_without_a_network(run, mix, tmp_path, monkeypatch):
    monkeypatch.setattr("soundsift.listening.default_folder", lambda: tmp_path / "none")
    result = run("listen", mix)
    assert result.exit_code == 2
    assert result.stderr.startswith("This installation cannot listen")
