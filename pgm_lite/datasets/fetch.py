"""One file from the network: resumed where it stopped, checked before it is believed."""

import hashlib
import http.client
import urllib.error
import urllib.request
from pathlib import Path
from typing import IO

from rich.console import Console
from rich.progress import BarColumn, DownloadColumn, Progress, TimeRemainingColumn

CHUNK = 1 << 16
TIMEOUT_SECONDS = 30


def fetch(url: str, path: Path, *, sha1: str) -> None:
    """Make sure that ``path`` holds the file of this sha1, downloading it if it is absent.

    What has arrived is kept in ``path.part``; the next call asks the server for the rest only.
    A file with another hash is never used: a finished download is removed, an older file left
    for the user.
    """
    if path.exists():
        found = _sha1(path)
        if found != sha1:
            raise ValueError(
                f"{path} has sha1 {found}, expected {sha1}; delete the file to fetch it again"
            )
        return
    path.parent.mkdir(parents=True, exist_ok=True)
    part = path.with_name(path.name + ".part")
    try:
        _download(url, part)
    except (OSError, http.client.HTTPException) as cause:
        raise ConnectionError(
            f"could not fetch {url} ({cause}); {_size(part):,} bytes are kept in {part}. Call "
            f"again with a network to go on from there, or copy the file to {path} from "
            f"elsewhere (sha1 {sha1})"
        ) from cause
    found = _sha1(part)
    if found != sha1:
        part.unlink()
        raise ValueError(
            f"{url} delivered a file of sha1 {found}, expected {sha1}; it was removed. Try "
            f"again, and if that fails copy the right file to {path} from elsewhere"
        )
    part.rename(path)


def _download(url: str, part: Path) -> None:
    """Append to ``part`` what is missing, or start anew where the server cannot resume."""
    have = _size(part)
    request = urllib.request.Request(url, headers={"Range": f"bytes={have}-"} if have else {})
    try:
        with urllib.request.urlopen(request, timeout=TIMEOUT_SECONDS) as answer:
            resumed = answer.status == http.HTTPStatus.PARTIAL_CONTENT
            start = have if resumed else 0
            length = answer.headers["Content-Length"]
            total = start + int(length) if length is not None else None
            with part.open("ab" if resumed else "wb") as file:
                _copy(answer, file, part.stem, start, total)
    except urllib.error.HTTPError as refusal:
        with refusal:
            if not (have and refusal.code == http.HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE):
                raise
        # Nothing is missing: the hash decides whether what we have is the file.


def _copy(
    answer: http.client.HTTPResponse, file: IO[bytes], name: str, start: int, total: int | None
) -> None:
    columns = (BarColumn(), DownloadColumn(), TimeRemainingColumn())
    with Progress(
        "fetching {task.description}", *columns, console=Console(stderr=True), transient=True
    ) as progress:
        task = progress.add_task(name, total=total, completed=start)
        arrived = start
        while chunk := answer.read(CHUNK):
            file.write(chunk)
            arrived += len(chunk)
            progress.update(task, completed=arrived)
    if total is not None and arrived < total:
        raise ConnectionError(f"the connection ended after {arrived:,} of {total:,} bytes")


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _sha1(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, lambda: hashlib.sha1(usedforsecurity=False)).hexdigest()
