"""A mistyped command line: what is wrong, and what to type instead."""

import pytest


def test_a_file_whose_name_begins_with_a_dash(run, one_sentence, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "-b side 2.wav").write_bytes(b"")
    asked = ("--text", "dog", "--out", "stems")
    one_sentence(run("separate", "-b side 2.wav", *asked), "'./-b side 2.wav'")
    one_sentence(run("separate", "-b side 3.wav", *asked), "No such option: -b")


@pytest.mark.parametrize(
    ("given", "own"),
    [("--start", "--from"), ("--end", "--to"), ("--output", "--out"), ("--prompt", "--text")],
)
def test_options_by_the_names_of_python_and_other_programs(run, one_sentence, given, own):
    one_sentence(run("separate", "a.wav", given, "1"), f"No such option: {given}. Use {own}.")


def test_only_options_of_the_command_are_suggested(run, one_sentence):
    result = run("listen", "a.wav", "--end", "1")
    one_sentence(result, "No such option: --end")
    assert "--to" not in result.stderr


def test_what_a_missing_option_is_for(run, one_sentence):
    one_sentence(run("separate", "a.wav", "--text", "dog"), "'--out'", "folder for the results")


def test_an_unknown_format_is_refused_in_our_words(run, one_sentence):
    result = run("separate", "a.wav", "--text", "dog", "--out", "o", "--format", "wma")
    one_sentence(result, "'wma' is not one of 'wav'")
    assert "Value error" not in result.stderr
