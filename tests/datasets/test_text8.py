import hashlib
import http.server
import importlib
import io
import re
import threading
import zipfile
from collections.abc import Iterator
from http import HTTPStatus
from pathlib import Path

import pytest
import torch

from pgm_lite import datasets
from pgm_lite.datasets.fetch import fetch

text8 = importlib.import_module("pgm_lite.datasets.text8")


def sha1(data: bytes) -> str:
    return hashlib.sha1(data, usedforsecurity=False).hexdigest()


def packed(text: bytes) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("text8", text)
    return buffer.getvalue()


TEXT = (b"anarchism originated as a term of abuse " * 500)[:20_000]
ARCHIVE = packed(TEXT)


class Server(http.server.ThreadingHTTPServer):
    """A stand-in for the site: it can resume, or not, or hang up half-way."""

    ranges = True
    hang_up_after: int | None = None

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Answer)
        self.asked: list[str | None] = []

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_address[1]}/text8.zip"


class Answer(http.server.BaseHTTPRequestHandler):
    server: Server

    def do_GET(self) -> None:
        asked = self.headers["Range"]
        self.server.asked.append(asked)
        found = re.fullmatch(r"bytes=(\d+)-", asked or "")
        start = int(found[1]) if found and self.server.ranges else 0
        if start >= len(ARCHIVE):
            self.send_error(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)
            return
        body = ARCHIVE[start:]
        self.send_response(HTTPStatus.PARTIAL_CONTENT if start else HTTPStatus.OK)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body[: self.server.hang_up_after])

    def log_message(self, format: str, *args: object) -> None:
        """Keep the test output quiet."""


@pytest.fixture
def server() -> Iterator[Server]:
    with Server() as running:
        thread = threading.Thread(target=running.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield running
        running.shutdown()
        thread.join()


@pytest.fixture
def stand_in(server: Server, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Path]:
    monkeypatch.setattr(text8, "URL", server.url)
    monkeypatch.setattr(text8, "ZIP_SHA1", sha1(ARCHIVE))
    monkeypatch.setattr(text8, "TEXT_SHA1", sha1(TEXT))
    monkeypatch.setenv("PGM_LITE_CACHE", str(tmp_path / "cache"))
    yield tmp_path / "cache" / "text8.zip"
    text8._text8.cache_clear()


def test_it_is_fetched_once_and_split_in_90_5_5(server: Server, stand_in: Path) -> None:
    dataset = datasets.load("text8")
    assert stand_in.read_bytes() == ARCHIVE
    assert (dataset.vocab_size, dataset.seq_len) == (27, 256)
    lengths = [len(dataset.splits[name].stored) for name in ("train", "validation", "test")]
    assert lengths == [18_000, 1_000, 1_000]
    tokens, _ = dataset.splits["train"].batch(torch.tensor([0]))
    assert dataset.decode(tokens[0]).encode() == TEXT[:256]
    text8._text8.cache_clear()
    datasets.text8()
    assert server.asked == [None]


def test_an_interrupted_download_goes_on_where_it_stopped(server: Server, stand_in: Path) -> None:
    server.hang_up_after = 5_000
    with pytest.raises(ConnectionError, match=r"5,000 of .* bytes\).*5,000 bytes are kept"):
        datasets.text8()
    assert stand_in.with_name("text8.zip.part").read_bytes() == ARCHIVE[:5_000]
    server.hang_up_after = None
    datasets.text8()
    assert server.asked == [None, "bytes=5000-"]
    assert stand_in.read_bytes() == ARCHIVE


def test_a_server_that_cannot_resume_sends_all_of_it_again(server: Server, stand_in: Path) -> None:
    server.ranges = False
    stand_in.parent.mkdir()
    stand_in.with_name("text8.zip.part").write_bytes(ARCHIVE[:7_000])
    datasets.text8()
    assert stand_in.read_bytes() == ARCHIVE


def test_a_complete_part_needs_nothing_more(server: Server, stand_in: Path) -> None:
    stand_in.parent.mkdir()
    stand_in.with_name("text8.zip.part").write_bytes(ARCHIVE)
    datasets.text8()
    assert server.asked == [f"bytes={len(ARCHIVE)}-"]
    assert stand_in.read_bytes() == ARCHIVE


def test_a_file_of_another_hash_is_never_used(server: Server, tmp_path: Path) -> None:
    target = tmp_path / "text8.zip"
    with pytest.raises(ValueError, match=f"delivered a file of sha1 {sha1(ARCHIVE)}, expected 0"):
        fetch(server.url, target, sha1="0" * 40)
    assert not any(tmp_path.iterdir())
    target.write_bytes(b"something else")
    with pytest.raises(ValueError, match="delete the file to fetch it again"):
        fetch(server.url, target, sha1=sha1(ARCHIVE))
    assert target.read_bytes() == b"something else"


def test_a_text_of_another_hash_is_never_used(
    stand_in: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text8, "TEXT_SHA1", "0" * 40)
    with pytest.raises(ValueError, match=f"sha1 {sha1(TEXT)}, expected 0"):
        datasets.text8()
    assert stand_in.exists()


def test_without_a_network_the_message_says_what_to_do(
    stand_in: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(text8, "URL", "http://127.0.0.1:9/text8.zip")  # nobody listens there
    with pytest.raises(ConnectionError, match=r"could not fetch .*copy the file to") as caught:
        datasets.text8()
    assert isinstance(caught.value.__cause__, OSError)
    assert not stand_in.exists()


def test_by_default_it_is_kept_in_the_home_folder(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("PGM_LITE_CACHE", raising=False)
    assert text8.cache_folder() == Path.home() / ".cache" / "pgm_lite"
