"""Fetching a file over https into a folder: checked by SHA-256, whole or absent."""

from __future__ import annotations

import contextlib
import hashlib
import logging
import os
import tempfile
import urllib.error
import urllib.request
from http.client import HTTPException, HTTPMessage
from typing import IO

_LOG = logging.getLogger(__name__)
_TIMEOUT_SECONDS = 20
_CHUNK = 1 << 18


class _OnlyHttps(urllib.request.HTTPRedirectHandler):
    """Follow redirects, but never down to plain http."""

    def redirect_request(
        self,
        req: urllib.request.Request,
        fp: IO[bytes],
        code: int,
        msg: str,
        headers: HTTPMessage,
        newurl: str,
    ) -> urllib.request.Request | None:
        if not newurl.startswith("https://"):
            raise urllib.error.URLError(f"redirect to {newurl} refused: not https")
        return super().redirect_request(req, fp, code, msg, headers, newurl)


def fetch(url: str, path: str, *, size: int, sha256: str) -> None:
    """Download `url` to `path`, of exactly `size` bytes and this SHA-256.

    The bytes go to a temporary file beside `path`, which takes its name only when
    they are the right ones. On any error nothing is left behind.

    Raises
    ------
    OSError
        No network, a wrong size or a wrong checksum; the message says which.
    """
    folder = os.path.dirname(path)
    os.makedirs(folder, exist_ok=True)
    _LOG.info("downloading %s (%s bytes)", url, f"{size:,}")
    descriptor, temporary = tempfile.mkstemp(".part", ".download-", folder)
    try:
        with os.fdopen(descriptor, "wb") as file:
            got, digest = _copy(url, file, size)
            file.flush()
            os.fsync(file.fileno())
        if got != size:
            more = " or more" if got > size else ""
            raise OSError(f"{url}: {got:,} bytes{more} came, {size:,} were expected")
        if digest != sha256:
            raise OSError(f"{url}: SHA-256 is {digest}, {sha256} was expected")
        os.chmod(temporary, 0o644)  # mkstemp gives 0600; data sets are shared
        os.replace(temporary, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(temporary)
        raise


def _copy(url: str, file: IO[bytes], size: int) -> tuple[int, str]:
    """Copy at most `size` + 1 bytes of `url` into `file`; return count and SHA-256."""
    opener = urllib.request.build_opener(_OnlyHttps)
    digest, got = hashlib.sha256(), 0
    try:
        with opener.open(url, timeout=_TIMEOUT_SECONDS) as response:
            while got <= size:
                chunk = response.read(min(_CHUNK, size + 1 - got))
                if not chunk:
                    break
                file.write(chunk)
                digest.update(chunk)
                got += len(chunk)
    except HTTPException as error:
        raise OSError(f"{url}: {error!r}") from error
    return got, digest.hexdigest()
