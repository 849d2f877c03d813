"""The one place where media files are opened, and the formats that are allowed.

FFmpeg also reads playlists, scripts, sequences of images and session descriptions. They make it
open other files or addresses, or never end, and FFmpeg recognises them by content, whatever the
name of the file is. So only formats are allowed that hold their sound and pictures themselves.
"""

from pathlib import Path
from typing import Any, BinaryIO

import av

from soundsift.audio.wave_header import with_plain_header

#: FFmpeg's names of the containers and bare streams that are read.
CONTAINERS = frozenset(
    {
        *("aa", "aac", "ac3", "ac4", "adx", "aea", "aiff", "amr", "amrnb", "amrwb", "ape", "aptx"),
        *("aptx_hd", "asf", "ast", "au", "avi", "bonk", "caf", "dsf", "dss", "dts", "dtshd", "dv"),
        *("eac3", "epaf", "flac", "flv", "g722", "gsm", "gxf", "iamf", "iff", "ilbc", "ircam"),
        *("laf", "lc3", "loas", "matroska", "mlp", "mov", "mp3", "mpc", "mpc8", "mpeg", "mpegts"),
        *("mxf", "nistsphere", "nut", "ogg", "oma", "osq", "pvf", "qcp", "qoa", "rka", "rm", "rso"),
        *("sbc", "sds", "shn", "sox", "tak", "truehd", "tta", "voc", "vqf", "w64", "wav"),
        *("wavarc", "wsd", "wtv", "wv", "wve", "xwma"),
    }
)

# Pictures without sound, for visual prompts and masks.
_PICTURES = frozenset(
    {
        *("apng", "bmp_pipe", "gif", "h264", "hevc", "image2", "ivf", "j2k_pipe", "jpeg_pipe"),
        *("jpegxl_pipe", "m4v", "mjpeg", "mpegvideo", "obu", "pbm_pipe", "pgm_pipe", "png_pipe"),
        *("ppm_pipe", "tiff_pipe", "vc1", "vvc", "webp_pipe", "yuv4mpegpipe"),
    }
)

#: Suffixes of the files that are taken from folders. A file that is named itself may have any.
SUFFIXES = frozenset(
    {
        *(".3g2", ".3gp", ".8svx", ".aac", ".ac3", ".adt", ".adts", ".aif", ".aifc", ".aiff"),
        *(".alac", ".amr", ".ape", ".asf", ".au", ".avi", ".awb", ".bw64", ".bwf", ".caf", ".dff"),
        *(".divx", ".dsf", ".dts", ".dv", ".eac3", ".ec3", ".f4a", ".f4v", ".flac", ".flv"),
        *(".g722", ".gsm", ".gxf", ".iff", ".m1a", ".m2a", ".m2p", ".m2t", ".m2ts", ".m4a"),
        *(".m4b", ".m4r", ".m4v", ".mk3d", ".mka", ".mkv", ".mlp", ".mov", ".mp1", ".mp2"),
        *(".mp3", ".mp4", ".mpa", ".mpc", ".mpe", ".mpeg", ".mpg", ".mpga", ".mts", ".mxf"),
        *(".nut", ".oga", ".ogg", ".ogm", ".ogv", ".ogx", ".oma", ".opus", ".qt", ".ra", ".rf64"),
        *(".rm", ".rmvb", ".shn", ".snd", ".sph", ".spx", ".tak", ".thd", ".tod", ".trp", ".ts"),
        *(".tta", ".vob", ".voc", ".w64", ".wav", ".wave", ".weba", ".webm", ".wma", ".wmv"),
        *(".wtv", ".wv"),
    }
)

# Formats without any header to recognise them by.
_RAW_FORMATS = {".g722": "g722"}

# For opening a file, and for each packet: damaged files make some of FFmpeg's readers search long.
_SECONDS = 60.0

_OPTIONS = {
    "format_whitelist": ",".join(sorted(CONTAINERS | _PICTURES)),
    "protocol_whitelist": "file",
    # A name such as "mask%03d.png" is one image, not a sequence.
    "pattern_type": "none",
    # QuickTime files can name other files that hold their tracks.
    "enable_drefs": "0",
}


def open_media(path: Path, part: BinaryIO | None = None) -> Any:
    """Open an audio or video file for reading, and no other file.

    Args:
        path: an existing file.
        part: a part of the file to read instead of all of it, seekable.

    Returns:
        PyAV's input container, to be closed by the caller.

    Raises:
        av.FFmpegError: FFmpeg does not know the format, it is not among those that hold their
            sound and pictures themselves, or the header is damaged.
        OSError: the file cannot be read.
        ValueError: the name cannot be passed to FFmpeg, or leads to a pipe or a device.
    """
    if path.exists() and not path.is_file():
        # A pipe without a writer would keep us waiting for ever; a device may have no end.
        raise ValueError(f"{path} is not a regular file")
    source = with_plain_header(path) if part is None else part
    # `file:`: a name such as "12:30.wav" is no URL.
    return av.open(
        f"file:{path}" if source is None else source,
        format=_RAW_FORMATS.get(path.suffix.lower()),
        options=_OPTIONS,
        metadata_errors="replace",
        timeout=_SECONDS,
    )
