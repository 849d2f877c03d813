"""Finding sound files in unpacked packages, and fetching only what we may."""

import io
import struct
import zipfile
from pathlib import Path

from soundsift.data.sources import git_files, licence, source_files, sources


def put(file: Path, data: bytes) -> Path:
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_bytes(data)
    return file


def zipped(**members: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in members.items():
            archive.writestr(name.replace("__", "/").replace("_", "."), data)
    return buffer.getvalue()


def cat(*sounds: tuple[bytes, bytes]) -> bytes:
    """OpenTTD's container; the highest bit of an offset is a flag."""
    head, body = b"", b""
    for title, data in sounds:
        offset = 8 * len(sounds) + len(body)
        head += struct.pack("<II", offset | 0x80000000, len(data))
        body += bytes([len(title)]) + title + data
    return head + body


def test_sound_files_are_found_in_folders_and_archives_in_a_stable_order(tmp_path: Path) -> None:
    root = tmp_path / "packages" / "khangman"
    put(root / "b/loud.WAV", b"wav")
    put(root / "a.ogg", b"ogg")
    put(root / "readme.txt", b"text")
    put(root / "more.zip", zipped(z_ogg=b"last", inner__a_wav=b"first", notes_txt=b"no"))
    put(root / "broken.zip", b"no archive")
    put(root / "sounds.cat", cat((b"Bell\0", b"RIFF")))
    (root / "linked.ogg").symlink_to(root / "a.ogg")
    found = list(source_files(tmp_path, "khangman"))
    assert {f.path: f.read() for f in found} == {
        "a.ogg": b"ogg",
        "b/loud.WAV": b"wav",
        "more.zip!inner/a.wav": b"first",
        "more.zip!z.ogg": b"last",
    }
    assert [f.path for f in found] == [f.path for f in source_files(tmp_path, "khangman")]
    assert all(f.source == "khangman" for f in found)


def test_openttds_container_is_taken_apart(tmp_path: Path) -> None:
    data = cat((b"Bell\0", b"RIFF-one"), (b'"Cow / Ox" by me\0', b"RIFF-second"))
    put(tmp_path / "packages/openttd-opensfx/x/opensfx.cat", data)
    found = {f.path: f.read() for f in source_files(tmp_path, "openttd-opensfx")}
    assert found == {
        "x/opensfx.cat!00 Bell": b"RIFF-one",
        "x/opensfx.cat!01 Cow  or  Ox": b"RIFF-second",
    }


def test_the_licences_of_a_package_are_named_once_each(tmp_path: Path) -> None:
    text = b"Files: *\nLicense: GPL-2+\n\nFiles: a\nLicense: CC0-1.0\n\nLicense: GPL-2+\n Text...\n"
    put(tmp_path / "packages/khangman/usr/share/doc/khangman/copyright", text)
    assert licence(tmp_path, "khangman") == "GPL-2+, CC0-1.0"


def test_licences_told_in_prose_are_found(tmp_path: Path) -> None:
    text = b"Free under the terms of the GNU General\nPublic License, see GPL-2, or CC-BY-SA-4.0."
    put(tmp_path / "packages/khangman/usr/share/doc/khangman/copyright", text)
    assert licence(tmp_path, "khangman") == "GNU General Public License, GPL-2, CC-BY-SA-4.0"


def test_a_licence_that_cannot_be_read_is_pointed_to(tmp_path: Path) -> None:
    assert licence(tmp_path, "khangman") == "see its copyright file"
    put(tmp_path / "packages/khangman/usr/share/doc/khangman/copyright", b"Free as in \xff beer.")
    assert licence(tmp_path, "khangman") == "see its copyright file"


def test_the_list_names_what_the_sources_hold_and_where_they_come_from() -> None:
    known = sources()
    assert known["fillets-ng-data-nl"].holds.startswith("speech")
    assert {source.origin for source in known.values()} == {"debian", "pypi", "git"}
    for source in known.values():
        assert source.holds
        assert bool(source.version) == (source.origin != "debian"), source.name
        if source.origin == "git":
            assert len(source.version) == 40


def test_strangers_are_of_every_origin_and_of_both_roles() -> None:
    roles = {(source.origin, source.stranger) for source in sources().values()}
    assert {("debian", "test"), ("pypi", "test"), ("git", "test"), ("git", "validation")} <= roles


def test_every_file_of_a_repository_states_its_licence() -> None:
    repositories = {name for name, source in sources().items() if source.origin == "git"}
    assert git_files().keys() == repositories
    for name, files in git_files().items():
        for file in files.values():
            assert file.licence and file.caption, (name, file.path)


def test_of_a_repository_the_listed_files_are_taken(tmp_path: Path) -> None:
    name = "librosa/data"
    path, listed = next(iter(git_files()[name].items()))
    root = tmp_path / "repositories/librosa+data"
    put(root / path, b"sound")
    put(root / "another.ogg", b"sound")
    assert [f.path for f in source_files(tmp_path, name)] == [path]
    assert licence(tmp_path, name, path) == listed.licence
