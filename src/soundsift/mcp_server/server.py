"""The server's tools, by the protocol's official SDK.

(Annotations are not postponed here: the SDK reads those of the tools when they are defined.)
"""

import threading
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any, TypeVar

import anyio
from anyio.from_thread import run as from_thread
from mcp.server.mcpserver import Context, Image, MCPServer
from mcp.server.mcpserver.exceptions import ToolError
from mcp.types import CallToolResult, TextContent, ToolAnnotations
from pydantic import Field

from soundsift.editing.session import MOST_DB, Action, make_turn
from soundsift.errors import SoundsiftError
from soundsift.languages.codes import LanguageCode
from soundsift.mcp_server.edits import Edited, Edits
from soundsift.version import __version__

Result = TypeVar("Result")
Work = Callable[[Callable[[float], None]], Result]

INSTRUCTIONS = """Lift sounds out of recordings, or change them, step by step.

Name sounds by short noun or verb phrases: "dog barking", "man speaking"; in other languages than
English they are read by a lexicon, and `read_as` says how. Begin with the path of a
recording. Every edit returns a `session`: pass it as `source` to go on from the result. The
recording itself is never changed, and `undo` takes a step back. `listen` says how loud named sounds
are, when they are heard, and how surely they are there: `presence` is sure, unsure or absent. Where
it is null, a level below about -15 dB means that a sound is probably not there."""

Source = Annotated[
    str,
    Field(description="Path of a recording, or the `session` of an edit to go on with."),
]
Sound = Annotated[
    str | None, Field(description="The sound as a short phrase: 'dog barking'.", max_length=200)
]
Language = Annotated[
    LanguageCode | None,
    Field(description="Language of the phrase; null finds it out, 'en' leaves it as typed."),
]
Spans = Annotated[
    list[tuple[float, float]] | None,
    Field(description="When the sound is heard, as [start, end] in seconds."),
]
NotSpans = Annotated[
    list[tuple[float, float]] | None,
    Field(description="When the sound is not heard, as [start, end] in seconds."),
]
Picture = Annotated[
    bool,
    Field(description="Also return spectrograms: the recording, the result and the difference."),
]
Gain = Annotated[
    float,
    Field(description="Gain in dB; below 0 makes the sound quieter.", ge=-MOST_DB, le=MOST_DB),
]
_READS = ToolAnnotations(read_only_hint=True, open_world_hint=False)
_WRITES = ToolAnnotations(read_only_hint=False, destructive_hint=False, open_world_hint=False)
#: Steps of progress that are reported, at most.
_STEPS = 100


class _Stopped(Exception):  # noqa: N818
    """The request was cancelled."""


def make_server(edits: Edits) -> MCPServer[Any]:
    """Build the server.

    Args:
        edits: what its tools do.
    """
    server: MCPServer[Any] = MCPServer(
        "soundsift", instructions=INSTRUCTIONS, version=__version__, log_level="WARNING"
    )

    async def turn(
        ctx: Context[Any, Any],
        source: str,
        action: Action,
        sound: str | None = None,
        spans: list[tuple[float, float]] | None = None,
        not_spans: list[tuple[float, float]] | None = None,
        db: float | None = None,
        picture: bool = False,
        language: LanguageCode | None = None,
    ) -> CallToolResult:
        def work(progress: Callable[[float], None]) -> Edited:
            made = make_turn(
                action, sound, tuple(spans or ()), tuple(not_spans or ()), db, language
            )
            return edits.turn(source, made, picture, progress)

        edited = await _in_thread(ctx, work)
        return _reply(edited.facts, edited.picture)

    @server.tool(annotations=_READS)
    async def listen(
        ctx: Context[Any, Any],
        source: Source,
        sounds: Annotated[
            list[Annotated[str, Field(max_length=200)]] | None,
            Field(
                description="Sounds that may be heard, as short phrases; without, all sounds that "
                "are known by name.",
                max_length=16,
            ),
        ] = None,
        language: Language = None,
    ) -> CallToolResult:
        """Say which sounds are in a recording or an edit, and when they are heard."""
        return _reply(
            await _in_thread(ctx, lambda progress: edits.listen(source, sounds, progress, language))
        )

    @server.tool(annotations=_WRITES)
    async def separate(
        ctx: Context[Any, Any],
        source: Source,
        sound: Sound = None,
        spans: Spans = None,
        not_spans: NotSpans = None,
        picture: Picture = False,
        language: Language = None,
    ) -> CallToolResult:
        """Leave only one sound, named or marked."""
        return await turn(ctx, source, "isolate", sound, spans, not_spans, None, picture, language)

    @server.tool(annotations=_WRITES)
    async def remove(
        ctx: Context[Any, Any],
        source: Source,
        sound: Sound = None,
        spans: Spans = None,
        not_spans: NotSpans = None,
        picture: Picture = False,
        language: Language = None,
    ) -> CallToolResult:
        """Leave a sound out, named or marked."""
        return await turn(ctx, source, "remove", sound, spans, not_spans, None, picture, language)

    @server.tool(annotations=_WRITES)
    async def louder(
        ctx: Context[Any, Any],
        source: Source,
        db: Gain,
        sound: Sound = None,
        spans: Spans = None,
        not_spans: NotSpans = None,
        picture: Picture = False,
        language: Language = None,
    ) -> CallToolResult:
        """Make a sound louder or quieter, and leave the rest as it is."""
        return await turn(ctx, source, "louder", sound, spans, not_spans, db, picture, language)

    @server.tool(annotations=_WRITES)
    async def undo(
        ctx: Context[Any, Any],
        session: Annotated[str, Field(description="The `session` of an edit.")],
    ) -> CallToolResult:
        """Take back the last step that is in force."""
        return await turn(ctx, session, "undo")

    @server.tool(annotations=_READS)
    async def show_edit(
        ctx: Context[Any, Any],
        session: Annotated[str, Field(description="The `session` of an edit.")],
    ) -> CallToolResult:
        """List the steps of an edit with their files."""
        return _reply(await _in_thread(ctx, lambda _: edits.show(session)))

    return server


async def _in_thread(ctx: Context[Any, Any], work: Work[Result]) -> Result:
    """Do something in a thread, report its progress, and stop it if the request is cancelled."""
    stopped = threading.Event()
    reported = -1

    def progress(fraction: float) -> None:
        nonlocal reported
        if stopped.is_set():
            raise _Stopped
        step = int(_STEPS * fraction)
        if step > reported:
            reported = step
            from_thread(ctx.report_progress, fraction, 1.0)

    def run() -> Result:
        try:
            return work(progress)
        except SoundsiftError as error:
            # Other exceptions are bugs, of which the SDK tells the client no more than that.
            raise ToolError(str(error)) from error

    try:
        return await anyio.to_thread.run_sync(run, abandon_on_cancel=True)
    finally:
        stopped.set()


def _reply(facts: dict[str, Any], picture: Path | None = None) -> CallToolResult:
    import json

    content: list[Any] = [TextContent(type="text", text=json.dumps(facts))]
    if picture is not None:
        content.append(Image(path=picture).to_image_content())
    return CallToolResult(content=content, structured_content=facts)
