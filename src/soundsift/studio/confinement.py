"""Confine a process of Linux: no files but some, no network, no other programs or processes.

Files are confined by Landlock, everything else by a seccomp filter. Landlock is called by its
system call numbers, which are the same on all processors: the C library has no functions for it,
and its Python packages are experimental. The filter is built by libseccomp, which Linux
distributions install with their base system.

Sources: docs.kernel.org/userspace-api/landlock.html, man 3 seccomp_rule_add_array.
"""

from __future__ import annotations

import ctypes
import errno
import os
import stat
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# --- Landlock -------------------------------------------------------------------------------------

_CREATE_RULESET, _ADD_RULE, _RESTRICT_SELF = 444, 445, 446
_ASK_VERSION = 1
_PATH_BENEATH = 1
_NO_NEW_PRIVILEGES, _GET_SECCOMP = 38, 21

_WRITE_FILE, _READ_FILE, _READ_DIR = 1 << 1, 1 << 2, 1 << 3
_REMOVE_DIR, _REMOVE_FILE, _MAKE_DIR, _MAKE_REG = 1 << 4, 1 << 5, 1 << 7, 1 << 8
_REFER, _TRUNCATE = 1 << 13, 1 << 14
#: Number of rights that each version of Landlock knows; the first ones need version 1.
_RIGHTS = {1: 13, 2: 14, 3: 15, 5: 16}
_TCP = 0b11  # bind and connect, from version 4 on
_SCOPES = 0b11  # abstract UNIX sockets and signals, from version 6 on

_READ = _READ_FILE | _READ_DIR
_WRITE = (
    _READ | _WRITE_FILE | _REMOVE_DIR | _REMOVE_FILE | _MAKE_DIR | _MAKE_REG | _REFER | _TRUNCATE
)
#: What a rule about a single file may hold.
_OF_FILES = _WRITE_FILE | _READ_FILE | _TRUNCATE


class _Ruleset(ctypes.Structure):
    _fields_ = (("files", ctypes.c_uint64), ("net", ctypes.c_uint64), ("scoped", ctypes.c_uint64))


class _PathRule(ctypes.Structure):
    _pack_ = 1
    _layout_ = "ms"
    _fields_ = (("allowed", ctypes.c_uint64), ("folder", ctypes.c_int32))


# --- seccomp --------------------------------------------------------------------------------------

_ALLOW, _REFUSE = 0x7FFF0000, 0x00050000 | errno.EPERM
_NOT_EQUAL = 1

#: Refused whatever their arguments are.
_REFUSED = (
    # Network, and ways around this filter.
    *(
        "socket",
        "socketpair",
        "socketcall",
        "io_uring_setup",
        "io_uring_enter",
        "io_uring_register",
    ),
    # Other programs and processes.
    *("execve", "execveat", "ptrace", "process_vm_readv", "process_vm_writev", "process_madvise"),
    *("pidfd_open", "pidfd_getfd", "pidfd_send_signal", "kcmp", "tkill", "rt_sigqueueinfo"),
    *("rt_tgsigqueueinfo", "setpriority", "sched_setaffinity", "sched_setscheduler", "ioprio_set"),
    *("shmget", "shmat", "msgget", "semget", "mq_open", "add_key", "request_key", "keyctl"),
    # Properties of files, which Landlock does not guard; open files may still be changed.
    *("chmod", "fchmodat", "fchmodat2", "chown", "lchown", "fchownat", "chown32", "lchown32"),
    *("setxattr", "lsetxattr", "setxattrat", "removexattr", "lremovexattr", "removexattrat"),
    *("utime", "utimes", "futimesat", "utimensat", "utimensat_time64", "name_to_handle_at"),
    *("open_by_handle_at", "file_setattr"),
    # The system, for servers that run as root.
    *("mount", "umount", "umount2", "move_mount", "open_tree", "fsopen", "fsmount", "fspick"),
    *("fsconfig", "mount_setattr", "pivot_root", "chroot", "unshare", "setns", "swapon", "swapoff"),
    *("bpf", "perf_event_open", "userfaultfd", "init_module", "finit_module", "delete_module"),
    *("kexec_load", "kexec_file_load", "reboot", "acct", "quotactl", "quotactl_fd", "syslog"),
    *("settimeofday", "stime", "clock_settime", "clock_settime64", "clock_adjtime", "adjtimex"),
    *("clock_adjtime64", "sethostname", "setdomainname", "iopl", "ioperm", "personality"),
    *("setuid", "setgid", "setreuid", "setregid", "setresuid", "setresgid", "setgroups", "capset"),
)


class _Comparison(ctypes.Structure):
    _fields_ = (
        ("argument", ctypes.c_uint),
        ("how", ctypes.c_int),
        ("value", ctypes.c_uint64),
        ("unused", ctypes.c_uint64),
    )


@dataclass(frozen=True)
class Confinement:
    """Ways to confine a process that this system has.

    Attributes:
        landlock: version of Landlock; 0 without it.
        seccomp: libseccomp; None without it, or without filters in the kernel.
    """

    landlock: int = 0
    seccomp: Any = None

    @classmethod
    def find(cls) -> Confinement:
        """What this system has."""
        if not sys.platform.startswith("linux"):
            return cls()
        version = _libc().syscall(_CREATE_RULESET, None, ctypes.c_size_t(0), _ASK_VERSION)
        return cls(max(0, int(version)), _libseccomp())

    @property
    def gaps(self) -> list[str]:
        """What a confined process can reach for want of a way to stop it, in words."""
        found = []
        if not self.landlock:
            found.append("other files")
        if self.seccomp is None:
            found.append("other programs and the network")
        return found

    def apply(self, reading: Sequence[Path], writing: Sequence[Path]) -> None:
        """Confine this process, which must have one thread, for good.

        Files that are open stay so.

        Args:
            reading: files, and folders with all that is in them, that may be read.
            writing: the same that may be changed, too.

        Raises:
            OSError: the system refuses, or a path does not exist.
        """
        if not self.landlock and self.seccomp is None:
            return
        _check(_libc().prctl(_NO_NEW_PRIVILEGES, *map(ctypes.c_ulong, (1, 0, 0, 0))))
        if self.landlock:
            self._confine_files(reading, writing)
        if self.seccomp is not None:
            _refuse_calls(self.seccomp)

    def _confine_files(self, reading: Sequence[Path], writing: Sequence[Path]) -> None:
        known = max(count for version, count in _RIGHTS.items() if version <= self.landlock)
        rights = (1 << known) - 1
        wanted = _Ruleset(rights, _TCP * (self.landlock >= 4), _SCOPES * (self.landlock >= 6))
        # Older kernels refuse fields that they don't know unless those are zero.
        rules = _check(
            _libc().syscall(
                _CREATE_RULESET, ctypes.byref(wanted), ctypes.c_size_t(ctypes.sizeof(wanted)), 0
            )
        )
        try:
            for paths, allowed in ((reading, _READ), (writing, _WRITE)):
                for path in paths:
                    _allow(rules, path, allowed & rights)
            _check(_libc().syscall(_RESTRICT_SELF, rules, 0))
        finally:
            os.close(rules)


def _allow(rules: int, path: Path, allowed: int) -> None:
    place = os.open(path, getattr(os, "O_PATH", 0) | os.O_CLOEXEC)
    try:
        if not stat.S_ISDIR(os.fstat(place).st_mode):
            allowed &= _OF_FILES
        rule = _PathRule(allowed, place)
        _check(_libc().syscall(_ADD_RULE, rules, _PATH_BENEATH, ctypes.byref(rule), 0))
    finally:
        os.close(place)


def _refuse_calls(library: Any) -> None:
    found = library.seccomp_init(_ALLOW)
    if not found:
        raise OSError(errno.ENOMEM, os.strerror(errno.ENOMEM))
    rules = ctypes.c_void_p(found)
    own = os.getpid()
    try:
        for name in _REFUSED:
            _refuse(library, rules, name)
        # Signals for other processes; and higher limits, which root could set.
        for name in ("kill", "tgkill"):
            _refuse(library, rules, name, _Comparison(0, _NOT_EQUAL, own))
        _refuse(library, rules, "prlimit64", _Comparison(2, _NOT_EQUAL, 0))
        _refuse(library, rules, "setrlimit")
        _check_number(library.seccomp_load(rules))
    finally:
        library.seccomp_release(rules)


def _refuse(library: Any, rules: ctypes.c_void_p, name: str, *cases: _Comparison) -> None:
    number = library.seccomp_syscall_resolve_name(name.encode())
    if number < 0:  # unknown to this library, or not on this processor
        return
    array = (_Comparison * max(1, len(cases)))(*cases)
    _check_number(
        library.seccomp_rule_add_array(
            rules, ctypes.c_uint32(_REFUSE), number, len(cases), ctypes.byref(array)
        )
    )


def _libseccomp() -> Any:
    if _libc().prctl(_GET_SECCOMP, 0, 0, 0, 0) < 0:  # a kernel without filters
        return None
    try:
        library: Any = ctypes.CDLL("libseccomp.so.2")
        library.seccomp_init.restype = ctypes.c_void_p
        library.seccomp_init.argtypes = [ctypes.c_uint32]
    except (OSError, AttributeError):
        return None
    return library


def _libc() -> Any:
    library: Any = ctypes.CDLL(None, use_errno=True)
    library.syscall.restype = ctypes.c_long
    return library


def _check(result: int) -> int:
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, os.strerror(number))
    return int(result)


def _check_number(result: int) -> None:
    if result < 0:
        raise OSError(-result, os.strerror(-result))
