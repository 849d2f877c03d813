"""Channel layouts: FFmpeg's names, channel masks of WAV files, orders of loudspeakers."""

from collections.abc import Sequence

import av

#: Bits of the channel mask in a WAV header, in the order in which the channels are stored.
SPEAKER_BITS = {
    name: bit
    for bit, name in enumerate(
        (
            *("FL", "FR", "FC", "LFE", "BL", "BR", "FLC", "FRC", "BC", "SL", "SR"),
            *("TC", "TFL", "TFC", "TFR", "TBL", "TBC", "TBR"),
        )
    )
} | {"DL": 29, "DR": 30}

#: Layouts assumed for recordings without one, by number of channels.
USUAL = {
    1: "mono",
    2: "stereo",
    3: "3.0",
    4: "quad",
    5: "5.0",
    6: "5.1",
    7: "6.1",
    8: "7.1",
}

# The two names of the same loudspeakers: players treat side and back channels of these alike, and
# some formats know only the second.
_AT_THE_BACK = {"5.1(side)": "5.1", "5.0(side)": "5.0", "quad(side)": "quad"}

#: By number of channels, where in a Vorbis stream the channels of FFmpeg's layouts are; for other
#: numbers the order is the same.
VORBIS_ORDER = {
    3: [0, 2, 1],
    5: [0, 2, 1, 3, 4],
    6: [0, 2, 1, 5, 3, 4],
    7: [0, 2, 1, 6, 5, 3, 4],
    8: [0, 2, 1, 7, 5, 6, 3, 4],
}


def wave_mask(layout: str | None, channels: int) -> int:
    """The channel mask of a WAV header.

    Args:
        layout: FFmpeg's name, such as "5.1(side)", or None where unknown.
        channels: number of channels.

    Returns:
        One bit per loudspeaker; 0 ("unspecified") for unknown layouts and those without a mask.
    """
    if layout is None:
        return 0
    try:
        names = [channel.name for channel in av.AudioLayout(layout).channels]
        bits = [SPEAKER_BITS[name] for name in names]
    except (ValueError, KeyError):
        return 0
    # Channels are stored in the order of their bits; another order can't be said in a mask.
    return sum(1 << bit for bit in bits) if bits == sorted(bits) and len(bits) == channels else 0


def fitting(layout: str | None, channels: int, possible: Sequence[str]) -> str | None:
    """The layout to write into a format that knows only some.

    Args:
        layout: the recording's own, None where unknown.
        channels: number of channels.
        possible: the layouts that the format knows.

    Returns:
        The same, or its twin with the channels at the back rather than the side, or the usual one
        for so many channels where the recording doesn't say; mono and stereo for one and two
        channels in any case. None if the format has no such layout.
    """
    usual = USUAL.get(channels)
    twin = _AT_THE_BACK.get(layout or "")
    choices = (layout or usual, twin, usual if channels <= 2 else None)
    return next((name for name in choices if name in possible), None)


def known(layout: str) -> str | None:
    """FFmpeg's name of a layout, None if it only counts the channels ("6 channels")."""
    try:
        names = [channel.name for channel in av.AudioLayout(layout).channels]
    except ValueError:
        return None
    return None if "NONE" in names or not names else layout


def native_order(speakers: Sequence[str]) -> tuple[str | None, list[int]]:
    """FFmpeg's layout for loudspeakers that may be stored in any order.

    Args:
        speakers: FFmpeg's names in the order in which the channels are stored.

    Returns:
        The layout, None where it is unknown; and for each of its channels, which stored one it is.
    """
    order = list(range(len(speakers)))
    if len(set(speakers)) < len(speakers) or not set(speakers) <= set(SPEAKER_BITS):
        return None, order
    order.sort(key=lambda index: SPEAKER_BITS[speakers[index]])
    return str(av.AudioLayout("+".join(speakers[index] for index in order)).name), order
