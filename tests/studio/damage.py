"""Files to be sent to a server: whole ones of many kinds, damaged ones, and ones that lie."""

import gzip
import io
import struct
import zipfile
import zlib
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import soundfile
from clients import RATE, film, sound, tone

#: Container and codings of what FFmpeg writes: `name.suffix`, picture, sound.
_FILMS = (
    ("aac.m4a", None, "aac"),
    ("aac.aac", None, "aac"),
    ("opus.opus", None, "libopus"),
    ("wavpack.wv", None, "wavpack"),
    ("tta.tta", None, "tta"),
    ("mpeg4.mp4", "mpeg4", "aac"),
    ("h264.mov", "libx264", "alac"),
    ("mpeg4.3gp", "mpeg4", "aac"),
    ("flac.mkv", "mpeg4", "flac"),
    ("pcm.mkv", "mpeg4", "pcm_s16le"),
    ("vp8.webm", "libvpx", "libopus"),
    ("mpeg4.avi", "mpeg4", "libmp3lame"),
    ("mpeg2.ts", "mpeg2video", "mp2"),
    ("aac.flv", None, "aac"),
)
#: The same of libsndfile: `name.suffix`, format, coding.
_SOUNDS = (
    ("pcm16.wav", "WAV", "PCM_16"),
    ("pcm24.wav", "WAVEX", "PCM_24"),
    ("float.wav", "WAV", "FLOAT"),
    ("adpcm.wav", "WAV", "IMA_ADPCM"),
    ("rf64.wav", "RF64", "PCM_16"),
    ("pcm.w64", "W64", "PCM_16"),
    ("pcm.aiff", "AIFF", "PCM_16"),
    ("pcm.au", "AU", "PCM_16"),
    ("alac.caf", "CAF", "ALAC_16"),
    ("flac.flac", "FLAC", "PCM_16"),
    ("vorbis.ogg", "OGG", "VORBIS"),
    ("mp3.mp3", "MP3", "MPEG_LAYER_III"),
)
_SECONDS = 0.4
#: What a size, a count or a rate says that is not so.
_EXTREMES = (0, 1, 0x7FFF, 0xFFFF, 0x7FFF_FFFF, 0x8000_0000, 0xFFFF_FFFE, 0xFFFF_FFFF)

Damage = Callable[[bytes, bytes, np.random.Generator], bytes]


def media(folder: Path) -> dict[str, bytes]:
    """Whole files by their names, a few kilobytes each."""
    found = {}
    for name, kind, coding in _SOUNDS:
        file = io.BytesIO()
        soundfile.write(file, tone(_SECONDS), RATE, format=kind, subtype=coding)
        found[name] = file.getvalue()
    for name, picture, coding in _FILMS:
        found[name] = film(folder / name, _SECONDS, picture, coding)
    return found


# --- damage ---------------------------------------------------------------------------------------


def _cut(data: bytes, _: bytes, rng: np.random.Generator) -> bytes:
    return data[: _place(data, rng)]


def _without_its_head(data: bytes, _: bytes, rng: np.random.Generator) -> bytes:
    return data[_place(data, rng) :]


def _flip(data: bytes, _: bytes, rng: np.random.Generator) -> bytes:
    bits = np.unpackbits(np.frombuffer(data, np.uint8))
    bits[rng.integers(0, len(bits), 2 ** rng.integers(0, 9))] ^= 1
    return np.packbits(bits).tobytes()


def _flip_in_head(data: bytes, other: bytes, rng: np.random.Generator) -> bytes:
    return _flip(data[:200], other, rng) + data[200:]


def _splice(data: bytes, other: bytes, rng: np.random.Generator) -> bytes:
    return data[: _place(data, rng)] + other[_place(other, rng) :]


def _join(data: bytes, other: bytes, _: np.random.Generator) -> bytes:
    return data + other


def _drop(data: bytes, _: bytes, rng: np.random.Generator) -> bytes:
    start, end = sorted((_place(data, rng), _place(data, rng)))
    return data[:start] + data[end:]


def _repeat(data: bytes, _: bytes, rng: np.random.Generator) -> bytes:
    start, end = sorted((_place(data, rng), _place(data, rng)))
    return data[:end] + data[start:end] * int(rng.integers(1, 20)) + data[end:]


def _blank(data: bytes, _: bytes, rng: np.random.Generator) -> bytes:
    start, end = sorted((_place(data, rng), _place(data, rng)))
    return data[:start] + bytes([int(rng.choice([0, 255]))]) * (end - start) + data[end:]


def _noise(data: bytes, _: bytes, rng: np.random.Generator) -> bytes:
    start = _place(data, rng)
    noise = rng.bytes(int(rng.integers(1, 500)))
    return data[:start] + noise + data[start + len(noise) :]


def _lie(data: bytes, _: bytes, rng: np.random.Generator) -> bytes:
    """A number in the head, or near the name of an atom or a chunk, becomes an extreme one."""
    names = [at for at in range(len(data) - 12) if data[at : at + 4].isalpha()]
    near = int(rng.choice(names)) + int(rng.integers(-4, 24)) if names else 0
    at = max(0, min(int(rng.choice([near, rng.integers(0, 128)])), len(data) - 8))
    form = str(rng.choice(["<I", ">I", "<H", ">H", "<Q", ">Q"]))
    number = int(rng.choice(_EXTREMES)) & (256 ** struct.calcsize(form) - 1)
    return data[:at] + struct.pack(form, number) + data[at + struct.calcsize(form) :]


DAMAGES: tuple[Damage, ...] = (
    *(_cut, _without_its_head, _flip, _flip_in_head, _splice, _join),
    *(_drop, _repeat, _blank, _noise, _lie, _lie),
)


def damaged(whole: dict[str, bytes], seed: int, count: int) -> Iterator[tuple[str, str, bytes]]:
    """Files that were whole: what was done to which, a name to send it under, its bytes."""
    rng, names = np.random.default_rng(seed), list(whole)
    for number in range(count):
        name, other, called = names[number % len(names)], *rng.choice(names, 2)
        data = whole[name]
        done = []
        for _ in range(int(rng.choice([1, 1, 1, 2, 3]))):
            if not data:
                break  # nothing is left to damage
            damage = DAMAGES[int(rng.integers(len(DAMAGES)))]
            data = damage(data, whole[str(other)], rng)
            done.append(damage.__name__.strip("_"))
        # Half of them under the name of another kind.
        shown = name if rng.integers(2) else str(called)
        yield f"{name}: {', '.join(done)} ({seed}, {number})", shown, data


def _place(data: bytes, rng: np.random.Generator) -> int:
    """Anywhere, half of the time near the beginning, where the headers are."""
    most = len(data) if rng.integers(2) else min(len(data), 300)
    return int(rng.integers(0, most + 1))


# --- lies -----------------------------------------------------------------------------------------


def _wav(
    channels: int = 2,
    rate: int = RATE,
    bits: int = 16,
    claimed: int | None = None,
    tag: int = 1,
    align: int | None = None,
    head: bytes = b"RIFF",
) -> bytes:
    samples = bytes(range(256)) * 60
    align = channels * bits // 8 if align is None else align
    form = struct.pack(
        "<HHIIHH", tag, channels % 65536, rate, rate * align % 2**32, align % 65536, bits
    )
    size = len(samples) if claimed is None else claimed
    return (
        (head + struct.pack("<I", min(36 + size, 2**32 - 1)) + b"WAVE")
        + (b"fmt " + struct.pack("<I", len(form)) + form)
        + (b"data" + struct.pack("<I", size) + samples)
    )


def _changed(data: bytes, mark: bytes, offset: int, form: str, *numbers: int) -> bytes:
    """Other numbers at so many bytes from a mark."""
    at = data.index(mark) + offset
    return data[:at] + struct.pack(form, *numbers) + data[at + struct.calcsize(form) :]


def _zip_bomb() -> bytes:
    file = io.BytesIO()
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("a.wav", bytes(1 << 24))
    return file.getvalue()


def _png(width: int, height: int) -> bytes:
    def chunk(name: bytes, data: bytes) -> bytes:
        return (
            struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data))
        )

    head = chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
    return b"\x89PNG\r\n\x1a\n" + head + chunk(b"IDAT", zlib.compress(b"\0")) + chunk(b"IEND", b"")


def lies(whole: dict[str, bytes]) -> dict[str, bytes]:
    """Files that claim what they have not, or are no media at all, by what they do."""
    mp4, mov, mkv = whole["mpeg4.mp4"], whole["h264.mov"], whole["flac.mkv"]
    flac, mp3, ogg = whole["flac.flac"], whole["mp3.mp3"], whole["vorbis.ogg"]
    many = b"<a>" * 100_000
    return {
        "nothing": b"",
        "one byte": b"R",
        "zeros": bytes(100_000),
        "ones": b"\xff" * 100_000,
        "text": b"Dear Sir or Madam,\n" * 2000,
        "html": b"<!doctype html><html><body>" + many + b"</body></html>",
        "xml that grows": b'<?xml version="1.0"?><!DOCTYPE l [<!ENTITY a "aaaaaaaaaa">'
        + b"".join(b'<!ENTITY %c "&%c;&%c;&%c;&%c;">' % (98 + n, *[97 + n] * 4) for n in range(12))
        + b"]><svg>&m;</svg>",
        "zip that grows": _zip_bomb(),
        "gzip that grows": gzip.compress(bytes(1 << 24)),
        "a program": b"\x7fELF\2\1\1" + bytes(3000),
        "a picture": _png(1, 1),
        "a huge picture": _png(2**31 - 1, 2**31 - 1),
        "a playlist": b"#EXTM3U\n#EXTINF:1,\n/etc/passwd\n",
        "a list of parts": b"ffconcat version 1.0\nfile /etc/passwd\n",
        "subtitles": b"1\n00:00:00,000 --> 99:59:59,999\nHello\n\n" * 500,
        "wav of 4 GB": _wav(claimed=0xFFFF_FFF0),
        "wav of 2 GB": _wav(claimed=0x7FFF_0000),
        "wav without samples": _wav(claimed=0),
        "wav of 65535 channels": _wav(channels=65535),
        "wav of no channels": _wav(channels=0),
        "wav of 2 to the 31 channels": _changed(whole["pcm24.wav"], b"fmt ", 10, "<I", 2**31),
        "wav of 255 channels": _wav(channels=255),
        "wav at 0 Hz": _wav(rate=0),
        "wav at 1 Hz": _wav(rate=1),
        "wav at 4 GHz": _wav(rate=2**32 - 1),
        "wav at 2 GHz": _wav(rate=2**31 - 1),
        "wav of 0 bits": _wav(bits=0),
        "wav of 1 bit": _wav(bits=1),
        "wav of 65535 bits": _wav(bits=65535),
        "wav without a block": _wav(align=0),
        "wav of blocks of 65535": _wav(align=65535),
        "wav that is mp3": _wav(tag=0x55),
        "wav of an unknown kind": _wav(tag=0xABCD),
        "wav whose fmt is endless": _changed(_wav(), b"fmt ", 4, "<I", 2**32 - 1),
        "wav of chunks in chunks": b"RIFF\xff\xff\xff\xffWAVE" + b"LIST\0\0\0\0" * 20_000,
        "wav of silence": _wav()[:44] + bytes(len(_wav()) - 44),
        "wav of NaN": sound_of(np.full((4000, 1), np.nan)),
        "wav of infinity": sound_of(np.full((4000, 1), np.inf)),
        "wav of giants": sound_of(np.full((4000, 1), 3e38)),
        "rf64 of exabytes": _changed(whole["rf64.wav"], b"ds64", 8, "<QQQ", *[2**62] * 3),
        "w64 of exabytes": _changed(whole["pcm.w64"], b"data", 16, "<Q", 2**63 - 1),
        "aiff at infinity": _changed(whole["pcm.aiff"], b"COMM", 16, ">HQ", 0x7FFF, 2**63),
        "aiff of many frames": _changed(whole["pcm.aiff"], b"COMM", 10, ">I", 2**32 - 1),
        "au of no rate": _changed(whole["pcm.au"], b".snd", 16, ">I", 0),
        "au of many channels": _changed(whole["pcm.au"], b".snd", 20, ">I", 2**31),
        "au that begins late": _changed(whole["pcm.au"], b".snd", 4, ">I", 2**32 - 1),
        "caf of endless frames": _changed(whole["alac.caf"], b"pakt", 12, ">qq", *[2**62] * 2),
        "flac of days": _changed(flac, b"fLaC", 21, ">BI", 0xFF, 2**32 - 1),
        "flac of no rate": _changed(flac, b"fLaC", 18, ">HB", 0, 0),
        "flac with endless tags": flac[:4] + b"\x04\xff\xff\xff" + flac[8:],
        "mp3 with endless tags": b"ID3\4\0\0\x7f\x7f\x7f\x7f" + mp3,
        "mp3 with many tags": b"ID3\4\0\0\0\0\0\0" * 5000 + mp3,
        "mp3 of days": _changed(mp3, b"Xing", 8, ">II", *[2**32 - 1] * 2),
        "ogg that ends late": _changed(ogg, b"OggS\0\4", 6, "<q", 2**62),
        "ogg before its time": _changed(ogg, b"OggS", 6, "<q", -(2**62)),
        "ogg of pages without end": ogg[:58] * 3000,
        "mp4 of a huge picture": _changed(mp4, b"mp4v", 28, ">HH", 65535, 65535),
        "mov of a huge picture": _changed(mov, b"avc1", 28, ">HH", 65535, 65535),
        "mp4 of no picture": _changed(mp4, b"mp4v", 28, ">HH", 0, 0),
        "mp4 of a huge track": _changed(mp4, b"tkhd", 80, ">II", 2**32 - 1, 2**32 - 1),
        "mp4 at no time": _changed(mp4, b"mdhd", 16, ">I", 0),
        "mp4 that is endless": _changed(mp4, b"mdhd", 20, ">I", 2**32 - 1),
        "mp4 without atoms": _changed(mp4, b"moov", 0, "4s", *[b"free"]),
        "mp4 of an endless atom": _changed(mp4, b"moov", -4, ">I", 2**32 - 1),
        "mp4 of an empty atom": _changed(mp4, b"trak", -4, ">I", 0),
        "mp4 of an atom of 1": _changed(mp4, b"moov", -4, ">I", 1),
        "mp4 of atoms in atoms": b"".join(
            struct.pack(">I", 8 * (3000 - n)) + b"moov" for n in range(3000)
        ),
        "mp4 of many samples": _changed(mp4, b"stsz", 12, ">I", 2**32 - 1),
        "mp4 of huge samples": _changed(mp4, b"stsz", 8, ">I", 2**31 - 1),
        "mp4 of many chunks": _changed(mp4, b"stco", 8, ">I", 2**32 - 1),
        "mp4 of chunks elsewhere": _changed(mp4, b"stco", 12, ">I", 2**32 - 1),
        "mp4 of many times": _changed(mp4, b"stts", 8, ">III", 2**31, 2**31, 2**31),
        "mp4 of many channels": _changed(mp4, b"mp4a", 20, ">H", 65535),
        "mp4 of no channels": _changed(mp4, b"mp4a", 20, ">H", 0),
        "mp4 twice": mp4 + mp4,
        # Elements of two bytes in place of those of one: the height takes up what follows.
        "mkv of a huge picture": _changed(
            mkv, b"\xb0\x81\x20\xba\x81", 0, ">HHH", 0xB082, 0xFFFF, 0xBA82
        ),
        "mkv in mkv": mkv[:40] * 2000,
        "mkv of an endless segment": _changed(mkv, b"\x18\x53\x80\x67", 4, ">Q", 2**57 - 1),
        "avi of many streams": _changed(whole["mpeg4.avi"], b"avih", 32, "<I", 2**32 - 1),
        "avi of no rate": _changed(whole["mpeg4.avi"], b"auds", 20, "<II", 0, 0),
        "ts cut at a packet": whole["mpeg2.ts"][: 188 * 20],
        "flv of zeros": whole["aac.flv"][:13] + bytes(5000),
        "wv of many channels": whole["wavpack.wv"][:24] + b"\xff" * 8 + whole["wavpack.wv"][32:],
        "tta at no rate": _changed(whole["tta.tta"], b"TTA1", 10, "<II", 0, 2**32 - 1),
        "a long sound": sound(25.0, rate=4000),
    }


def sound_of(samples: np.ndarray) -> bytes:
    """A WAV file of floats, whatever they are."""
    file = io.BytesIO()
    soundfile.write(file, samples.astype(np.float32), RATE, format="WAV", subtype="FLOAT")
    return file.getvalue()
