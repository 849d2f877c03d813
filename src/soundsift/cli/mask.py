"""`soundsift mask`: an object's masks in a video, from a click on it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer

from soundsift.cli import options
from soundsift.cli.console import say
from soundsift.cli.progress import progress_bar

EXAMPLES = """Examples:

\b
soundsift mask clip.mp4 --point 3.0,320,180
soundsift mask clip.mp4 --point 3.0,320,180 --point 3.0,410,200,- --point 7.5,300,190
soundsift mask clip.mp4 --box 120,40,200,180@3.0 --out masks
soundsift separate clip.mp4 --masks masks/clip.masks.mkv --text "dog barking" --out stems
"""


def mask(
    video: Annotated[
        Path,
        typer.Argument(metavar="VIDEO", help="A video file that FFmpeg reads.", show_default=False),
    ],
    *,
    point: options.Points = None,
    box: Annotated[
        list[str] | None,
        typer.Option(
            metavar="X,Y,W,H@SECOND",
            help="A box around the whole object at a second, in pixels or fractions of the "
            "picture; without a second, in the first picture.",
            rich_help_panel=options.PROMPT,
        ),
    ] = None,
    segmenter: options.Segmenter = "opencv",
    out: Annotated[
        Path,
        typer.Option(
            "--out",
            "--output",
            metavar="DIR",
            help="Folder for the results, made if missing.",
            rich_help_panel=options.RESULTS,
        ),
    ] = Path("masks"),
    overlay: Annotated[
        bool,
        typer.Option(
            "--overlay/--no-overlay",
            help="Also write NAME.overlay.mp4, the video with the object tinted.",
            rich_help_panel=options.RESULTS,
        ),
    ] = True,
    json_line: options.JsonLines = False,
    overwrite: options.OverwriteResults = False,
) -> None:
    """Find an object in all pictures of a video, from a click on it.

    Writes NAME.masks.mkv, which --masks of `separate` takes, NAME.masks.json with a score for each
    picture, and NAME.overlay.mp4 to look at. A click in a later picture corrects the mask there and
    around it.
    """
    # Imported here because it takes time.
    from soundsift.audio.atomic import ensure_writable
    from soundsift.segmentation import follow_object
    from soundsift.segmentation.files import write_track
    from soundsift.spans import format_seconds
    from soundsift.video import Box, Point

    points = [Point.parse(one) for one in point or ()]
    boxes = [Box.parse(one) for one in box or ()]
    for kind in ("masks.mkv", "masks.json", *(["overlay.mp4"] if overlay else [])):
        ensure_writable(out / f"{video.stem}.{kind}", overwrite=overwrite)
    with progress_bar(video.name) as report:
        track = follow_object(video, points, boxes, segmenter, report)
    asked = [*map(str, points), *map(str, boxes)]
    record = {"video": str(video), "prompts": asked, "segmenter": segmenter}
    files = write_track(
        track, video, out, video.stem, overlay=overlay, overwrite=overwrite, record=record
    )
    facts = track.described()
    if json_line:
        paths = {kind: str(path) for kind, path in files.items()}
        say(json.dumps({**record, "files": paths, **facts}))
        return
    for kind, path in files.items():
        say(f"  {kind:7}  {path}")
    lost = ", ".join(
        f"{format_seconds(start)}-{format_seconds(end)}" for start, end in facts["lost"]
    )
    say(
        f"The object is found in {facts['found_in']} of {facts['pictures']} pictures, mean score "
        f"{facts['mean_score']:.2f}." + (f" Lost at {lost} s." if lost else "")
    )
