"""Command-line options that several commands share, with their sections of `--help`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

from soundsift.languages.codes import LanguageCode
from soundsift.presets import PresetName
from soundsift.recipes import RECIPES, RecipeName

PROMPT, RESULTS, MODEL, WINDOWS, RUN = (
    "What to separate",
    "Results",
    "Model",
    "Windows of long recordings",
    "Run",
)

Text = Annotated[
    list[str] | None,
    typer.Option(
        metavar="PHRASE",
        help="The sound as a short phrase: 'dog barking'.",
        rich_help_panel=PROMPT,
    ),
]
Texts = Annotated[
    list[str] | None,
    typer.Option(
        metavar="PHRASE",
        help="The sound as a short phrase: 'dog barking'. Repeat it for several sounds in one "
        "pass.",
        rich_help_panel=PROMPT,
    ),
]
Language = Annotated[
    LanguageCode | None,
    typer.Option(
        "--language",
        metavar="CODE",
        help="Language of --text: de, fr, ...; en for as typed. `soundsift languages` lists them.",
        show_default="found out",
        rich_help_panel=PROMPT,
    ),
]
Spans = Annotated[
    list[str] | None,
    typer.Option(
        metavar="START-END",
        help="When the sound is heard: 1.2-2.5 or 1:02-1:10; may be repeated.",
        rich_help_panel=PROMPT,
    ),
]
NotSpans = Annotated[
    list[str] | None,
    typer.Option(
        metavar="START-END",
        help="When the sound is not heard; may be repeated. The later of two overlapping spans "
        "wins.",
        rich_help_panel=PROMPT,
    ),
]
Points = Annotated[
    list[str] | None,
    typer.Option(
        metavar="SECOND,X,Y[,+|-]",
        help="A click on the object in the video, in pixels or fractions: 3.0,320,180; with ,- "
        "where it is not; may be repeated. The object is followed through the video.",
        rich_help_panel=PROMPT,
    ),
]
Segmenter = Annotated[
    str,
    typer.Option(
        metavar="NAME",
        help="Who finds the clicked object: opencv, or sam2 or sam3 where their weights are "
        "(sam2:FOLDER_OR_NAME).",
        rich_help_panel=PROMPT,
    ),
]
Boxes = Annotated[
    list[str] | None,
    typer.Option(
        metavar="X,Y,W,H",
        help="Position of the object in the video, in pixels or fractions, optionally with a time: "
        "0.1,0.2,0.3,0.5@2-8; may be repeated. With a single second, 120,40,200,180@3, the object "
        "is followed from there.",
        rich_help_panel=PROMPT,
    ),
]
Masks = Annotated[
    Path | None,
    typer.Option(
        metavar="MASKS",
        help="Masks of the object instead of boxes: a video, a folder of images, or a .npy file.",
        rich_help_panel=PROMPT,
    ),
]
PredictSpans = Annotated[
    bool | None,
    typer.Option(
        "--predict-spans/--no-predict-spans",
        help="Predict from --text when the sound is heard, and mark it there.",
        show_default="what the model's configuration says",
        rich_help_panel=PROMPT,
    ),
]
Exclusive = Annotated[
    bool,
    typer.Option(
        "--exclusive",
        help="Divide the recording among several --text: no part goes to two sounds in full.",
        rich_help_panel=PROMPT,
    ),
]
Stems = Annotated[
    str | None,
    typer.Option(
        metavar="NAMES",
        help="Divide the recording into these: vocals,drums,bass,other. Writes NAME.vocals.wav and "
        "so on; 'other' is what the rest leave.",
        rich_help_panel=PROMPT,
    ),
]
RecipeOption = Annotated[
    RecipeName | None,
    typer.Option(
        "--recipe",
        help="A ready job: " + "; ".join(f"{n}, {r.description}" for n, r in RECIPES.items()) + ".",
        rich_help_panel=PROMPT,
    ),
]
Rest = Annotated[
    bool,
    typer.Option(
        "--rest",
        help="Also write NAME.rest.wav, what remains without the sounds. Implies --exclusive; the "
        "sounds and the rest sum to the recording.",
        rich_help_panel=PROMPT,
    ),
]
Labels = Annotated[
    Path | None,
    typer.Option(
        metavar="LABELS.txt",
        help="Spans from a label track that Audacity exported; titles that begin with 'not' mark "
        "where the sound is not heard.",
        rich_help_panel=PROMPT,
    ),
]
From = Annotated[
    str | None,
    typer.Option(
        "--from",
        metavar="TIME",
        help="Separate only from here on: 12.5 or 1:02. The rest stays bit for bit.",
        rich_help_panel=PROMPT,
    ),
]
To = Annotated[
    str | None,
    typer.Option("--to", metavar="TIME", help="Separate only up to here.", rich_help_panel=PROMPT),
]
By = Annotated[
    float | None,
    typer.Option(
        "--by",
        metavar="DB",
        help="Lower the sound by so many dB instead of removing it.",
        rich_help_panel=PROMPT,
    ),
]
Track = Annotated[
    int | None,
    typer.Option(
        min=1,
        metavar="N",
        help="Which of several sound tracks of a video.",
        show_default="the best",
        rich_help_panel=PROMPT,
    ),
]
JobsFile = Annotated[
    Path | None,
    typer.Option(
        metavar="JOBS.jsonl",
        help='Recordings and prompts, one per line: {"input": "a.wav", "text": "dog"}.',
        rich_help_panel=PROMPT,
    ),
]

Out = Annotated[
    Path,
    typer.Option(
        metavar="DIR", help="Folder for the results, made if missing.", rich_help_panel=RESULTS
    ),
]
Only = Annotated[
    Literal["target", "residual"] | None,
    typer.Option("--only", help="Write only one of the two stems.", rich_help_panel=RESULTS),
]
Tree = Annotated[
    bool,
    typer.Option(
        "--tree",
        help="Keep the subfolders of a folder or pattern in the output folder.",
        rich_help_panel=RESULTS,
    ),
]
Name = Annotated[
    str | None,
    typer.Option(
        metavar="NAME",
        help="First part of the file names. Fields: {stem}, {ext}, {parent}, {index}, {text}, "
        "{model}, {preset}, {seed}, {kind}.",
        show_default="{stem}.{text}",
        rich_help_panel=RESULTS,
    ),
]
Format = Annotated[
    Literal["wav", "flac", "aiff", "mp3", "ogg", "opus", "m4a", "video"] | None,
    typer.Option(
        "--format",
        help="File format; video keeps the picture and replaces the sound.",
        show_default="wav",
        rich_help_panel=RESULTS,
    ),
]
Bits = Annotated[
    Literal["16", "24", "32f"] | None,
    typer.Option(
        help="Bits per sample of wav, aiff and flac; 32f not for flac.",
        show_default="those of the recording",
        rich_help_panel=RESULTS,
    ),
]
Bitrate = Annotated[
    int | None,
    typer.Option(
        metavar="KBPS",
        help="Bit rate of mp3, ogg, opus, m4a and video in kbit/s.",
        show_default="96 per channel, opus 64, ogg 80",
        rich_help_panel=RESULTS,
    ),
]
Consistent = Annotated[
    bool,
    typer.Option(
        "--consistent",
        help="Make the stems of a generative model sum to the recording; the default model's "
        "always do.",
        rich_help_panel=RESULTS,
    ),
]
Picture = Annotated[
    bool,
    typer.Option(
        "--picture",
        help="Also write NAME.png: spectrograms with the spans.",
        rich_help_panel=RESULTS,
    ),
]
JsonLines = Annotated[
    bool,
    typer.Option(
        "--json",
        help="Print one line of JSON per sound on stdout, and nothing else there.",
        rich_help_panel=RESULTS,
    ),
]
Overwrite = Annotated[bool, typer.Option("--overwrite", help="Replace existing files.")]
OverwriteResults = Annotated[
    bool, typer.Option("--overwrite", help="Replace existing files.", rich_help_panel=RESULTS)
]

Model = Annotated[
    str,
    typer.Option(
        metavar="NAME_OR_FOLDER",
        help="'default', a model's folder, or a released model: facebook/sam-audio-small.",
        rich_help_panel=MODEL,
    ),
]
Adapter = Annotated[
    Path | None,
    typer.Option(
        metavar="FILE",
        help="Changes of the model for one sound: a file that `soundsift tune` wrote, or a folder "
        "with LoRA weights as PEFT writes it.",
        rich_help_panel=MODEL,
    ),
]
Preset = Annotated[
    PresetName,
    typer.Option(
        help="Amount of work; `soundsift info` describes each preset.", rich_help_panel=MODEL
    ),
]
Seed = Annotated[
    int,
    typer.Option(
        min=0, max=2**32 - 1, metavar="N", help="Seed of the sampler.", rich_help_panel=MODEL
    ),
]
Candidates = Annotated[
    int,
    typer.Option(
        min=1,
        metavar="K",
        help="Draw K results and keep the one that CLAP, the judge and given spans score best. "
        "Released models only.",
        rich_help_panel=MODEL,
    ),
]
Judge = Annotated[
    bool,
    typer.Option(
        "--judge",
        help="Rate each result from 1 to 5, and say if it is probably poor. Default model only.",
        rich_help_panel=RESULTS,
    ),
]
Device = Annotated[
    str | None,
    typer.Option(
        metavar="DEVICE",
        help="cuda (or cuda:1 and so on), mps or cpu.",
        show_default="the best available",
        rich_help_panel=MODEL,
    ),
]
Precision = Annotated[
    Literal["auto", "float32", "bfloat16"],
    typer.Option(
        help="Matmul precision; auto picks bfloat16 where the hardware supports it.",
        rich_help_panel=MODEL,
    ),
]

Windowing = Annotated[
    Literal["multi-diffusion", "chunks", "one-shot"],
    typer.Option(
        help="How windows are combined; chunks and one-shot are for comparison.",
        rich_help_panel=WINDOWS,
    ),
]
Window = Annotated[
    float | None,
    typer.Option(
        metavar="SECONDS",
        help="Length of a window in seconds; not with one-shot.",
        show_default="the model's",
        rich_help_panel=WINDOWS,
    ),
]
Overlap = Annotated[
    float | None,
    typer.Option(
        metavar="SECONDS",
        help="Overlap of consecutive windows in seconds; not with one-shot.",
        show_default="the model's, chunks 0.08",
        rich_help_panel=WINDOWS,
    ),
]

Jobs = Annotated[
    int,
    typer.Option(
        min=1, metavar="N", help="Processes that share the recordings.", rich_help_panel=RUN
    ),
]
Json = Annotated[
    bool, typer.Option("--json", help="Print one line of JSON on stdout, and nothing else there.")
]
BankFolder = Annotated[
    Path, typer.Option("--bank", metavar="DIR", help="Folder of the sound bank.")
]
HostNames = Annotated[
    list[str] | None,
    typer.Option(metavar="HOST", help="Host name that browsers use; repeatable."),
]
Proxies = Annotated[
    list[str] | None,
    typer.Option(
        metavar="ADDRESS",
        help="Address or network of a proxy whose X-Forwarded headers are trusted; repeatable.",
    ),
]
