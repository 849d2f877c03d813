"""A confined process reaches its own files and nothing else; each way out is tried in a fork."""

import ctypes
import os
import resource
import signal
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

pytest.importorskip("fastapi", reason="pip install 'soundsift[studio]'")

from clients import Opens, film, sound

from soundsift.studio import confinement, decoders
from soundsift.studio.confinement import Confinement

pytestmark = pytest.mark.hostile

FOUND = Confinement.find()
needs_landlock = pytest.mark.skipif(not FOUND.landlock, reason="NOT TESTED: no Landlock here")
needs_seccomp = pytest.mark.skipif(FOUND.seccomp is None, reason="NOT TESTED: no libseccomp here")
LIBC: Any = ctypes.CDLL(None, use_errno=True)


def outcome(attempt: Callable[[], Any], *own: Path, found: Confinement = FOUND) -> str:
    """What comes of an attempt in a confined fork: "done", "refused" or a description."""
    reading, writing = os.pipe()
    child = os.fork()
    if not child:
        try:
            found.apply([], own)
            try:
                attempt()
                answer = "done"
            except PermissionError:
                answer = "refused"
            except BaseException as error:
                answer = f"{type(error).__name__}: {error}"
            os.write(writing, answer.encode())
        finally:
            os._exit(0)
    os.close(writing)
    with os.fdopen(reading, "rb") as pipe:
        answer = pipe.read().decode()
    os.waitpid(child, 0)
    return answer


def call(name: str, *arguments: Any) -> Callable[[], Any]:
    """A function of the C library that returns -1 on failure."""

    def attempt() -> None:
        if getattr(LIBC, name)(*arguments) < 0:
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number))

    return attempt


@pytest.fixture
def own(tmp_path: Path) -> Path:
    folder = tmp_path / "own"
    folder.mkdir()
    (folder / "file").write_text("mine")
    return folder


@pytest.fixture
def other(tmp_path: Path) -> Path:
    path = tmp_path / "other" / "file"
    path.parent.mkdir()
    path.write_text("not mine")
    return path


@needs_landlock
def test_own_files_are_in_reach(own: Path) -> None:
    def work() -> None:
        assert (own / "file").read_text() == "mine"
        (own / "new").write_text("x")
        (own / "new").rename(own / "newer")
        with (own / "newer").open("r+") as file:
            file.truncate(0)
        (own / "newer").unlink()

    assert outcome(work, own) == "done"


@needs_landlock
def test_a_file_for_reading_cannot_be_changed(own: Path) -> None:
    def confined(attempt: Callable[[], Any]) -> str:
        def work() -> None:
            FOUND.apply([own / "file"], [])
            attempt()

        return outcome(work, own)

    assert confined((own / "file").read_text) == "done"
    assert confined(lambda: (own / "file").write_text("x")) == "refused"
    assert confined((own / "file").unlink) == "refused"


FILES: dict[str, Callable[[Path, Path], Any]] = {
    "read": lambda own, other: other.read_text(),
    "read the system's": lambda own, other: Path("/etc/passwd").read_text(),
    "write": lambda own, other: other.write_text("x"),
    "append": lambda own, other: other.open("a").close(),
    "truncate": lambda own, other: os.truncate(other, 0),
    "create": lambda own, other: (other.parent / "new").touch(),
    "make a folder": lambda own, other: (other.parent / "new").mkdir(),
    "delete": lambda own, other: other.unlink(),
    "list": lambda own, other: list(other.parent.iterdir()),
    "list the root": lambda own, other: list(Path("/").iterdir()),
    "move away": lambda own, other: (own / "file").rename(other.parent / "file2"),
    "replace": lambda own, other: (own / "file").replace(other),
    "take": lambda own, other: other.rename(own / "taken"),
    "make a device": lambda own, other: os.mknod(own / "null", 0o20666, os.makedev(1, 3)),
    "make a pipe": lambda own, other: os.mkfifo(own / "pipe"),
    "leave a link that is followed": lambda own, other: (own / "link").symlink_to(other),
    "memory of the parent": lambda own, other: Path(f"/proc/{os.getppid()}/mem").read_bytes(),
    "environment of the parent": lambda own, other: Path(
        f"/proc/{os.getppid()}/environ"
    ).read_bytes(),
    "a device": lambda own, other: Path("/dev/urandom").read_text(),
}


@needs_landlock
@pytest.mark.parametrize("how", FILES)
def test_other_files_are_out_of_reach(own: Path, other: Path, how: str) -> None:
    assert outcome(lambda: FILES[how](own, other), own) == "refused"
    assert other.read_text() == "not mine"
    assert sorted(path.name for path in other.parent.iterdir()) == ["file"]


CALLS: dict[str, Callable[[Path], Any]] = {
    "an internet socket": lambda other: socket.socket(),
    "a datagram": lambda other: socket.socket(type=socket.SOCK_DGRAM),
    "a raw socket": lambda other: socket.socket(type=socket.SOCK_RAW, proto=1),
    "a UNIX socket": lambda other: socket.socket(socket.AF_UNIX),
    "a netlink socket": lambda other: socket.socket(socket.AF_NETLINK, socket.SOCK_RAW),
    "a pair of sockets": lambda other: socket.socketpair(),
    "a ring of system calls": lambda other: call("syscall", 425, 8, None)(),  # io_uring_setup
    "another program": lambda other: os.execv(sys.executable, [sys.executable, "-c", ""]),
    "a child's program": lambda other: subprocess.run([sys.executable, "-c", ""], check=True),
    "a signal": lambda other: os.kill(os.getppid(), 0),
    "a signal to all": lambda other: os.kill(-1, 0),
    "tracing": lambda other: call("ptrace", 16, os.getppid(), None, None)(),
    "mode": lambda other: other.chmod(0o777),
    "owner": lambda other: os.chown(other, os.getuid(), os.getgid()),
    "times": lambda other: os.utime(other, (0, 0)),
    "attributes": lambda other: os.setxattr(other, "user.x", b"y"),
    "another root": lambda other: os.chroot("/"),
    "a namespace": lambda other: call("unshare", 0x10000000)(),
    "shared memory": lambda other: call("shmget", 0, 4096, 0o1600)(),
    "higher limits": lambda other: call("setrlimit", 7, struct.pack("QQ", 64, 64))(),
    "another priority": lambda other: os.setpriority(os.PRIO_PROCESS, os.getppid(), 19),
    "the clock": lambda other: call("settimeofday", struct.pack("qq", 0, 0), None)(),
}


@needs_seccomp
@pytest.mark.parametrize("how", CALLS)
def test_all_but_files_is_out_of_reach(own: Path, other: Path, how: str) -> None:
    before = other.stat()
    assert outcome(lambda: CALLS[how](other), own, other) == "refused"
    assert (other.stat().st_mode, other.stat().st_mtime) == (before.st_mode, before.st_mtime)


@needs_seccomp
def test_what_decoders_need_is_in_reach(own: Path) -> None:
    def work() -> None:
        thread = threading.Thread(target=os.urandom, args=(1,))
        thread.start()
        thread.join()
        assert resource.getrlimit(resource.RLIMIT_NOFILE)
        os.kill(os.getpid(), 0)

    assert outcome(work, own) == "done"


@pytest.mark.parametrize("version", [1, 2, 3, 4, 5, 6])
@needs_landlock
def test_older_versions_of_landlock_are_served(own: Path, other: Path, version: int) -> None:
    found = Confinement(min(version, FOUND.landlock), None)
    assert outcome(other.read_text, own, found=found) == "refused"
    assert outcome((own / "file").read_text, own, found=found) == "done"


@needs_seccomp
def test_without_landlock_the_network_is_out_of_reach(own: Path, other: Path) -> None:
    found = Confinement(0, FOUND.seccomp)
    assert found.gaps == ["other files"]
    assert outcome(socket.socket, own, found=found) == "refused"
    assert outcome(other.read_text, own, found=found) == "done"


def test_a_system_without_either_is_named(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(confinement.sys, "platform", "darwin")
    nothing = Confinement.find()
    assert nothing.gaps == ["other files", "other programs and the network"]
    assert outcome(socket.socket, found=nothing) == "done"
    decoders.Decoders(decoders.Limits(decoders=0)).start()
    assert "no way to keep the processes that decode uploads from other files and" in caplog.text


@needs_landlock
@needs_seccomp
def test_decoders_of_a_server_are_confined_and_work(opens: Opens, tmp_path: Path) -> None:
    """All tasks, in all formats, by the processes of a server."""
    with opens(tmp_path / "data") as client:
        for number, name in enumerate(("a.mp4", "a.mkv", "a.webm", "a.mov")):
            picture, coding = ("libvpx", "libopus") if name == "a.webm" else ("mpeg4", "aac")
            data = film(tmp_path / name, 0.5 + number / 10, picture, coding)
            recording = client.upload(data, name).json()["id"]
            job = client.do(recording)["id"]
            for kind in ("wav", "flac", "mp3", "opus", "video"):
                answer = client.http.get(f"/api/jobs/{job}/stems/target?format={kind}")
                assert answer.status_code == 200, (name, kind, answer.text)
            assert client.http.get(f"/api/jobs/{job}/stems/target/peaks").status_code == 200
        for kind in ("WAV", "FLAC", "CAF", "AIFF", "W64", "RF64", "AU"):
            assert client.upload(sound(0.6, kind=kind)).status_code == 201, kind
        for name, coding in (("a.opus", "libopus"), ("a.mp3", "libmp3lame"), ("a.wv", "wavpack")):
            data = film(tmp_path / name, 0.7, None, coding)
            assert client.upload(data, name).status_code == 201, name


@needs_landlock
@needs_seccomp
def test_an_answer_cannot_be_forged_by_signals(own: Path) -> None:
    """A confined fork cannot end the process that made it."""
    assert outcome(lambda: os.kill(os.getppid(), signal.SIGKILL), own) == "refused"
