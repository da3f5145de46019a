"""A file is complete or absent: faults at every step of writing one."""

from __future__ import annotations

import errno
import os
import signal
import socket
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from pellucid.io import atomic
from pellucid.io.atomic import write_atomically
from tests.support.guard import assert_survives, run_script

OLD = b"old content"
NEW: list[bytes | memoryview] = [b"new ", memoryview(b"content")]


@pytest.fixture
def target(tmp_path: Path) -> Path:
    """Return an existing file in a directory of its own."""
    path = tmp_path / "model.safetensors"
    path.write_bytes(OLD)
    return path


def assert_only(path: Path, content: bytes) -> None:
    """The file has this content, and no temporary file lies beside it."""
    assert path.read_bytes() == content
    assert [entry.name for entry in path.parent.iterdir()] == [path.name]


def test_creates_and_replaces(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    write_atomically(path, [OLD])
    assert_only(path, OLD)
    write_atomically(str(path), NEW)
    assert_only(path, b"new content")
    write_atomically(os.fsencode(path), [])
    assert_only(path, b"")


def test_relative_path(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    write_atomically("model.safetensors", NEW)
    assert_only(tmp_path / "model.safetensors", b"new content")


def test_replaced_file_keeps_its_permissions(target: Path) -> None:
    target.chmod(0o640)
    write_atomically(target, NEW)
    assert stat.S_IMODE(target.stat().st_mode) == 0o640


def test_new_file_follows_the_umask(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    assert_survives(
        "import os; os.umask(0o027)\n"
        "from pellucid.io.atomic import write_atomically\n"
        f"write_atomically({str(path)!r}, [b'x'])"
    )
    assert stat.S_IMODE(path.stat().st_mode) == 0o640


def test_symbolic_link_is_replaced_not_followed(target: Path) -> None:
    link = target.parent / "link"
    link.symlink_to(target)
    write_atomically(link, NEW)
    assert not link.is_symlink()
    assert link.read_bytes() == b"new content"
    assert target.read_bytes() == OLD


def test_planted_temporary_link_is_not_written_through(
    target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    victim = target.parent / "victim"
    victim.write_bytes(OLD)
    monkeypatch.setattr(os, "urandom", bytes)
    planted = target.parent / f".{target.name}.tmp-{os.getpid()}-{'00' * 6}"
    planted.symlink_to(victim)
    with pytest.raises(FileExistsError):
        write_atomically(target, NEW)
    assert target.read_bytes() == OLD
    assert victim.read_bytes() == OLD


def test_directory_missing(tmp_path: Path) -> None:
    path = tmp_path / "missing" / "model.safetensors"
    with pytest.raises(FileNotFoundError) as caught:
        write_atomically(path, NEW)
    assert caught.value.filename == str(path)
    assert list(tmp_path.iterdir()) == []


def test_path_is_a_directory(tmp_path: Path) -> None:
    with pytest.raises(IsADirectoryError, match=str(tmp_path)):
        write_atomically(tmp_path, NEW)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("name", "error"),
    [("x" * 300, errno.ENAMETOOLONG), ("\u00e4" * 127, None), ("x" * 255, None)],
    ids=["too long", "long in bytes", "longest"],
)
def test_long_names(tmp_path: Path, name: str, error: int | None) -> None:
    path = tmp_path / name
    if error is None:
        write_atomically(path, NEW)
        assert_only(path, b"new content")
        return
    with pytest.raises(OSError, match=name) as caught:
        write_atomically(path, NEW)
    assert caught.value.errno == error
    assert list(tmp_path.iterdir()) == []


def test_nul_in_path(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="null"):
        write_atomically(f"{tmp_path}/a\0b", NEW)
    with pytest.raises(TypeError):
        write_atomically(3, NEW)


def test_special_files_are_not_replaced(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with socket.socket(socket.AF_UNIX) as server:
        address = tmp_path / "socket"
        server.bind(str(address))
        for path in (pipe, address, Path("/dev/null"), Path("/dev/full")):
            with pytest.raises(ValueError, match="is not a regular file"):
                write_atomically(path, NEW)
            assert not stat.S_ISREG(path.lstat().st_mode)


@pytest.mark.parametrize("call", ["write", "fsync", "replace", "fchmod", "open"])
@pytest.mark.parametrize("code", [errno.EIO, errno.EDQUOT, errno.EROFS])
def test_failing_call_leaves_the_old_file(
    target: Path, monkeypatch: pytest.MonkeyPatch, call: str, code: int
) -> None:
    def fail(*_: object, **__: object) -> None:
        raise OSError(code, os.strerror(code))

    with monkeypatch.context() as patch:
        patch.setattr(os, call, fail)
        with pytest.raises(OSError, match=str(target)) as caught:
            write_atomically(target, NEW)
    assert caught.value.errno == code
    assert_only(target, OLD)


def test_short_writes_are_continued(
    target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write = os.write
    monkeypatch.setattr(os, "write", lambda fd, data: write(fd, data[:3]))
    write_atomically(target, NEW)
    assert_only(target, b"new content")


def test_device_that_accepts_nothing(
    target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "write", lambda *_: 0)
    with pytest.raises(OSError, match="accepted no bytes"):
        write_atomically(target, NEW)
    assert_only(target, OLD)


def test_exception_in_the_content_and_ctrl_c(target: Path) -> None:
    def chunks() -> Iterator[bytes]:
        yield b"half"
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_atomically(target, chunks())
    assert_only(target, OLD)


def test_disk_full(target: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The temporary file is /dev/full: the kernel itself answers ENOSPC."""
    real_open = os.open

    def open_full(path: str, flags: int, mode: int = 0o777) -> int:
        if ".tmp-" in str(path):
            os.close(real_open(path, flags, mode))
            return real_open("/dev/full", os.O_WRONLY)
        return real_open(path, flags, mode)

    monkeypatch.setattr(os, "open", open_full)
    monkeypatch.setattr(os, "fchmod", lambda *_: None)
    with pytest.raises(OSError, match=str(target)) as caught:
        write_atomically(target, NEW)
    assert caught.value.errno == errno.ENOSPC
    assert_only(target, OLD)


def test_file_size_limit(target: Path) -> None:
    """RLIMIT_FSIZE: first a short write, then EFBIG."""
    output = assert_survives(
        "import resource, signal\n"
        "from pellucid.io.atomic import write_atomically\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "resource.setrlimit(resource.RLIMIT_FSIZE, (1 << 20, 1 << 20))\n"
        "try:\n"
        f"    write_atomically({str(target)!r}, [bytes(2 << 20)])\n"
        "except OSError as error:\n"
        "    print(error.errno, error.filename)\n"
    )
    assert output.split() == [str(errno.EFBIG), str(target)]
    assert_only(target, OLD)


def test_directory_that_cannot_be_synced(
    target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    fsync = os.fsync

    def refuse_directories(descriptor: int) -> None:
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "not supported")
        fsync(descriptor)

    monkeypatch.setattr(os, "fsync", refuse_directories)
    write_atomically(target, NEW)
    assert_only(target, b"new content")


def test_file_and_directory_are_synced_in_order(
    target: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls = []
    fsync, replace = os.fsync, os.replace

    def note_fsync(descriptor: int) -> None:
        mode = os.fstat(descriptor).st_mode
        calls.append("directory" if stat.S_ISDIR(mode) else "file")
        fsync(descriptor)

    def note_replace(*names: str) -> None:
        calls.append("replace")
        replace(*names)

    monkeypatch.setattr(os, "fsync", note_fsync)
    monkeypatch.setattr(os, "replace", note_replace)
    write_atomically(target, NEW)
    assert calls == ["file", "replace", "directory"]


def test_stale_temporary_files_go(target: Path) -> None:
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    parent = target.parent
    stale = parent / f".{target.name}.tmp-{dead.pid}-00"
    alive = parent / f".{target.name}.tmp-1-00"
    foreign = parent / f".other.tmp-{dead.pid}-00"
    odd = parent / f".{target.name}.tmp-x-00"
    for path in (stale, alive, foreign, odd):
        path.touch()
    write_atomically(target, NEW)
    assert not stale.exists()
    assert alive.exists()
    assert foreign.exists()
    assert odd.exists()


WRITER = """
import sys
from pellucid.io.atomic import write_atomically
print("ready", flush=True)
number = 0
while True:
    number += 1
    write_atomically(sys.argv[1], [bytes([number % 256]) * (1 << 18)] * 4)
"""


def kill_while_writing(target: Path, delay: float) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, str(target)], stdout=subprocess.PIPE
    )
    assert process.stdout is not None
    try:
        process.stdout.readline()
        time.sleep(delay)
    finally:
        process.send_signal(signal.SIGKILL)
        process.wait()
        process.stdout.close()
    content = target.read_bytes()
    assert content == OLD or content == content[:1] * (1 << 20)


@pytest.mark.parametrize("delay", [0.001, 0.004, 0.013, 0.031])
def test_kill_at_any_moment(target: Path, delay: float) -> None:
    kill_while_writing(target, delay)
    write_atomically(target, NEW)
    assert_only(target, b"new content")


@pytest.mark.slow
def test_many_kills(target: Path) -> None:
    for number in range(100):
        kill_while_writing(target, 0.0007 * number)
    write_atomically(target, NEW)
    assert_only(target, b"new content")


def test_two_processes_save_the_same_path(target: Path) -> None:
    """The last complete file wins; a reader never sees a mixture."""
    processes = [
        subprocess.Popen(
            [sys.executable, "-c", WRITER, str(target)], stdout=subprocess.PIPE
        )
        for _ in range(2)
    ]
    try:
        for process in processes:
            assert process.stdout is not None
            process.stdout.readline()
        for _ in range(50):
            content = target.read_bytes()
            assert content == OLD or content == content[:1] * (1 << 20)
            time.sleep(0.002)
    finally:
        for process in processes:
            process.kill()
            process.wait()
            assert process.stdout is not None
            process.stdout.close()


def test_own_process_counts_as_alive() -> None:
    assert atomic._alive(os.getpid())
    assert atomic._alive(1)
    assert atomic._alive(10**30)


def test_run_script_reports_a_failure() -> None:
    assert run_script("raise SystemExit(3)").returncode == 3
    with pytest.raises(AssertionError, match="status 3"):
        assert_survives("raise SystemExit(3)")
