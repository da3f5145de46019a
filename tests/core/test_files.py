from __future__ import annotations

import os
import socket
from pathlib import Path

import pytest

from pellucid.core.files import looks_like, open_regular


def test_only_regular_files_are_opened(tmp_path: Path) -> None:
    regular, address = tmp_path / "file", tmp_path / "socket"
    regular.write_bytes(b"abc")
    with open_regular(regular) as stream:
        assert stream.read() == b"abc"
        assert os.get_inheritable(stream.fileno()) is False
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(str(address))
        for path in (address, Path("/dev/null")):
            with pytest.raises(ValueError, match="is not a regular file"):
                open_regular(path)
    with pytest.raises(IsADirectoryError):
        open_regular(tmp_path)


def test_pages_are_known_behind_marks_and_spaces() -> None:
    assert looks_like(b"\xef\xbb\xbf \n<html>").startswith("an HTML page")
    assert looks_like(b"\n version https://git-lfs").startswith("a Git LFS pointer")
    assert looks_like(b"\x80\x06") == looks_like(b"") == ""
