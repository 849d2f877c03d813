"""`soundsift edit`."""

import json

import numpy as np
import soundfile


def test_an_edit_from_start_to_render(run, mix, model, tmp_path):
    session = tmp_path / "edit.json"

    def edit(action, *arguments):
        result = run("edit", action, session, *arguments)
        assert result.exit_code == 0, result.stderr
        return result.stdout

    before = mix.read_bytes()
    started = run("edit", "start", mix, session, "--model", model, "--preset", "draft")
    assert started.stdout == f"{session}: turn 0, the recording\n"
    assert edit("remove", "--text", "dog barking").endswith("turn 1, remove dog barking\n")
    assert edit("louder", "--text", "voice", "--db", 20).endswith("louder voice by 20 dB\n")
    edit("undo")
    edit("keep", "--text", "rain", "--text", "wind")
    assert edit("isolate", "--span", "0.2-0.4").endswith("turn 5, isolate +0.2-0.4\n")
    assert edit("show").splitlines() == [
        "  0  street.wav",
        "* 1  remove dog barking",
        "  2  louder voice by 20 dB",
        "  3  undo",
        "* 4  keep rain, wind",
        "* 5  isolate +0.2-0.4",
    ]
    shown = json.loads(edit("show", "--json"))
    assert [turn["in_force"] for turn in shown["turns"]] == [True, False, False, True, True]
    out = tmp_path / "edited"
    assert edit("render", "--out", out, "--turn", 0) == f"{out / 'street.turn-0.wav'}\n"
    np.testing.assert_array_equal(
        soundfile.read(out / "street.turn-0.wav", dtype="int16")[0],
        soundfile.read(mix, dtype="int16")[0],
    )
    edit("render", "--out", out, "--turn", 1, "--format", "flac")
    settings = json.loads((out / "street.turn-1.json").read_text())
    assert settings["turns"] == [{"action": "remove", "text": "dog barking"}]
    removed = run(
        *("remove", mix, "--text", "dog barking", "--model", model, "--preset", "draft"),
        *("--out", tmp_path / "removed", "--name", "x"),
    )
    assert removed.exit_code == 0, removed.stderr
    np.testing.assert_allclose(
        soundfile.read(out / "street.turn-1.flac", dtype="int16")[0].astype(int),
        soundfile.read(tmp_path / "removed" / "x.without.wav", dtype="int16")[0].astype(int),
        atol=1,
    )
    assert mix.read_bytes() == before
    # Too loud for 16 bits: said, and not for floats.
    loud = run("edit", "render", session, "--out", out, "--turn", 2)
    assert loud.exit_code == 0
    assert ("--bits 32f" in loud.stderr) == ("reaches" in loud.stderr)


def test_refusals(run, mix, tmp_path, one_sentence):
    session = tmp_path / "edit.json"
    one_sentence(run("edit", "remove", session, "--text", "dog"), "edit start")
    one_sentence(run("edit", "start", tmp_path / "no.wav", session), "no.wav")
    assert run("edit", "start", mix, session).exit_code == 0
    one_sentence(run("edit", "start", mix, session), str(session))
    one_sentence(run("edit", "undo", session), "nothing to undo")
    one_sentence(run("edit", "isolate", session), "empty")
    one_sentence(run("edit", "louder", session, "--text", "dog", "--db", 60), "40")
    one_sentence(run("edit", "render", session, "--out", tmp_path, "--turn", 3), "no turn 3")
    assert json.loads(session.read_text())["turns"] == []
