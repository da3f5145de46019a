"""Downloads: the right bytes or none at all."""

from __future__ import annotations

import hashlib
import io
import urllib.error
import urllib.request
from http.client import HTTPMessage, IncompleteRead
from pathlib import Path

import pytest

from pellucid.data import download

CONTENT = bytes(range(256)) * 3000
SHA256 = hashlib.sha256(CONTENT).hexdigest()
URL = "https://example.org/file.gz"


def serve(monkeypatch: pytest.MonkeyPatch, content: bytes | Exception) -> None:
    def open_(self, url, timeout):
        assert url == URL
        assert timeout > 0
        if isinstance(content, Exception):
            raise content
        return io.BytesIO(content)

    monkeypatch.setattr(urllib.request.OpenerDirector, "open", open_)


def test_the_right_bytes_arrive(monkeypatch, tmp_path: Path) -> None:
    serve(monkeypatch, CONTENT)
    target = tmp_path / "new" / "file.gz"
    download.fetch(URL, str(target), size=len(CONTENT), sha256=SHA256)
    assert target.read_bytes() == CONTENT
    assert [path.name for path in target.parent.iterdir()] == ["file.gz"]


@pytest.mark.parametrize(
    ("content", "words"),
    [
        (CONTENT[:-1], "767,999 bytes came, 768,000 were expected"),
        (CONTENT + b"!" * 10**6, "768,001 bytes or more came"),
        (CONTENT[:-1] + b"!", "SHA-256 is"),
        (b"<html>log in to the network</html>", "34 bytes came"),
        (urllib.error.URLError("unreachable"), "unreachable"),
        (IncompleteRead(b"", 9), "IncompleteRead"),
        (TimeoutError("timed out"), "timed out"),
    ],
)
def test_anything_else_leaves_nothing_behind(
    monkeypatch, tmp_path: Path, content: bytes | Exception, words: str
) -> None:
    serve(monkeypatch, content)
    target = tmp_path / "file.gz"
    with pytest.raises(OSError, match=words):
        download.fetch(URL, str(target), size=len(CONTENT), sha256=SHA256)
    assert list(tmp_path.iterdir()) == []


def test_an_old_file_survives_a_failed_download(monkeypatch, tmp_path: Path) -> None:
    serve(monkeypatch, CONTENT[:-1])
    target = tmp_path / "file.gz"
    target.write_bytes(b"old")
    with pytest.raises(OSError, match="were expected"):
        download.fetch(URL, str(target), size=len(CONTENT), sha256=SHA256)
    assert target.read_bytes() == b"old"


def test_a_redirect_to_plain_http_is_refused() -> None:
    handler = download._OnlyHttps()
    request = urllib.request.Request(URL)
    arguments = (request, io.BytesIO(), 302, "Found", HTTPMessage())
    with pytest.raises(urllib.error.URLError, match="not https"):
        handler.redirect_request(*arguments, "http://example.org/file.gz")
    followed = handler.redirect_request(*arguments, "https://example.net/file.gz")
    assert followed is not None
    assert followed.full_url == "https://example.net/file.gz"
