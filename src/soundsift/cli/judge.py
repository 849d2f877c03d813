"""`soundsift judge`: rate a separation without a reference."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from soundsift.cli import options
from soundsift.cli.console import say
from soundsift.cli.groups import SPAN_ORDER
from soundsift.cli.translations import tell_translations
from soundsift.errors import SoundsiftError

EXAMPLES = """Examples:

\b
soundsift judge street.wav stems/street.target.wav --text "dog barking"
soundsift judge street.wav stems/street.target.wav --span 1.2-2.5 --json
soundsift judge street.wav target.wav --text "dog barking" --model facebook/sam-audio-judge
"""


def judge(
    ctx: typer.Context,
    mix: Annotated[Path, typer.Argument(metavar="MIX", help="The recording.", show_default=False)],
    target: Annotated[
        Path,
        typer.Argument(metavar="TARGET", help="The sound separated from it.", show_default=False),
    ],
    *,
    text: options.Text = None,
    language: options.Language = None,
    span: options.Spans = None,
    not_span: options.NotSpans = None,
    model: Annotated[
        str,
        typer.Option(
            metavar="NAME_OR_FOLDER",
            help="'default', a judge's folder, or facebook/sam-audio-judge, which takes --text.",
        ),
    ] = "default",
    device: options.Device = None,
    json_line: options.Json = False,
) -> None:
    """Rate a separated sound from 1 to 5, without knowing the right answer.

    Ratings: overall; recall, how much of the wanted sound is there; precision, the absence of other
    sounds; faithfulness, the absence of artefacts. Name the sound with --text, mark when it is
    heard with --span, or both.
    """
    from soundsift.cli.requests import make_prompt

    prompt = make_prompt(
        tuple(text or ()),
        tuple(span or ()),
        tuple(not_span or ()),
        tuple(ctx.meta[SPAN_ORDER]),
        language,
    )
    tell_translations([prompt])
    if not prompt.text and not prompt.spans:
        raise SoundsiftError(
            "There is no prompt. Name the sound with --text, or mark it with --span."
        )
    # Imported here because it takes time; errors above need none of it.
    from soundsift.audio import read
    from soundsift.devices import pick_device
    from soundsift.host_state import torch_defaults
    from soundsift.listening import SoundDetector
    from soundsift.separation.judges import SamAudioJudge, judge_pair, open_judge
    from soundsift.separation.verdicts import POOR, absent_in_words

    mixture, separated = read(mix), read(target, allow_silence=True)
    rates = mixture.sample_rate, separated.sample_rate
    with torch_defaults():
        opened = open_judge(model, pick_device(device))
        found = judge_pair(opened, mixture.samples, separated.samples, rates, prompt)
    scores = found.described()
    confidence = presence = None
    if prompt.text and not isinstance(opened, SamAudioJudge):
        (heard,) = SoundDetector.load(device).listen(mixture, [prompt])
        confidence, presence = heard.confidence, heard.presence
    if json_line:
        listened = {"confidence": confidence, "presence": presence}
        say(json.dumps({"input": str(mix), "target": str(target)} | scores | listened))
        return
    for name in ("overall", "recall", "precision", "faithfulness"):
        say(f"{name:12}  {scores[name]:.2f}")
    if confidence is not None and presence == "absent":
        say(absent_in_words(confidence))
    elif scores["poor"]:
        say(POOR)
