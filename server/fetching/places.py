"""References that need no network of strangers: files of open folders, objects of open buckets, own results."""

from __future__ import annotations

import contextlib
import shutil
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, BinaryIO, Protocol
from urllib.parse import unquote, urlsplit

from gasflux_core.errors import GasFluxError, TooLarge
from server.fetching.refusal import Refused

_PIECE = 8 * 1024**2

_S3_OPTIONS = {"connect_timeout": 10, "read_timeout": 20, "retries": {"max_attempts": 2}}


class OutputStore(Protocol):
    """What is needed of the store of results."""

    def published_file(self, job_id: str, name: str, folder: Path) -> Path:
        """The file of a result, or a copy of it in the folder."""


class OwnResults(Protocol):
    """Which of this service's own results a job may read."""

    def plain(self, url: str) -> str:
        """An address without the token that signed ones have."""

    def may_read(self, job_id: str, url: str) -> bool:
        """Whether the results of a job are open to who sent this address."""


class Places:
    """What of this machine, of its buckets and of its own results references may lead to.

    :param folders: from which files may be read.
    :param buckets: ``s3://bucket/prefix`` each, from which objects may be read.
    :param endpoint: address of the S3 server; empty for Amazon's.
    :param outputurl: address under which this service gives out its results.
    :param limit: bytes that one content may have.
    :param own: tells which own results may be read; None: all.
    """

    def __init__(
        self,
        store: OutputStore,
        outputurl: str,
        folders: Sequence[Path],
        buckets: Sequence[str],
        endpoint: str,
        limit: int,
        own: OwnResults | None = None,
    ) -> None:
        self._store = store
        self._results = own
        self._own = outputurl.rstrip("/") + "/"
        self._folders = [Path(folder).resolve() for folder in folders]
        self._buckets = [bucket.rstrip("/") + "/" for bucket in buckets]
        self._endpoint = endpoint
        self._limit = limit

    def copy_own(self, url: str, folder: Path, file: BinaryIO) -> bool:
        """Write a result of this service, without asking the network.

        :returns: whether the address is that of one.
        :raises Refused: it is, and there is no such result.
        """
        plain = url if self._results is None else self._results.plain(url)
        if not plain.startswith(self._own):
            return False
        parts = [unquote(part) for part in urlsplit(plain[len(self._own) :]).path.split("/")]
        if len(parts) == 2 and self._results is not None and not self._results.may_read(parts[0], url):
            raise Refused("is of a job that was sent with another key; send the address that its owner was given")
        if len(parts) == 2:
            with contextlib.suppress(GasFluxError, LookupError, OSError, ValueError):
                path = self._store.published_file(parts[0], parts[1], folder)
                if path.is_file():
                    self.copy(path, file)
                    if path.parent == folder:
                        path.unlink()
                    return True
        raise Refused("is no result that is kept here (any more)")

    def copy_file(self, url: str, file: BinaryIO) -> None:
        """Write a file of this machine (``file:``)."""
        parts = urlsplit(url)
        try:
            path = Path(unquote(parts.path)).resolve(strict=True)
        except (OSError, ValueError):
            path = None
        inside = path is not None and any(path.is_relative_to(folder) for folder in self._folders)
        # One sentence for both, or a client could find out which files there are.
        if path is None or not inside or not path.is_file() or parts.netloc not in ("", "localhost"):
            raise Refused("is no file in a folder that is open for references")
        self.copy(path, file)

    def copy(self, path: Path, file: BinaryIO) -> None:
        """Write a file that may be read."""
        if path.stat().st_size > self._limit:
            raise TooLarge("too large")
        with path.open("rb") as source:
            shutil.copyfileobj(source, file)

    def copy_object(self, url: str, deadline: float, file: BinaryIO) -> None:
        """Write an object of a bucket (``s3:``), with the credentials of the service.

        :param deadline: on the monotonic clock.
        """
        parts = urlsplit(url)
        key = unquote(parts.path).lstrip("/")
        # Only as it is written: a query or a fragment is no part of a key, and dots lead nowhere in a bucket.
        plain = not (parts.query or parts.fragment) and not {"", ".", ".."} & set(key.split("/"))
        if not plain or not any(f"s3://{parts.netloc}/{key}".startswith(bucket) for bucket in self._buckets):
            raise Refused("is no object in a bucket that is open for references")
        try:
            self._copy_object(f"{parts.netloc}/{key}", deadline, file)
        except (TooLarge, Refused):
            raise
        except FileNotFoundError:
            raise Refused("is no object in a bucket that is open for references") from None
        except Exception:
            # Whatever the client of S3 raises may name the server and its credentials.
            raise Refused("can't be fetched: the S3 server gives no such object") from None

    def _copy_object(self, place: str, deadline: float, file: BinaryIO) -> None:
        # Amazon's whole client takes a second to load: only where such references come.
        import fsspec

        files: Any = fsspec.filesystem(
            "s3",
            endpoint_url=self._endpoint or None,
            config_kwargs=_S3_OPTIONS,
            use_listings_cache=False,
            skip_instance_cache=True,
        )
        with files.open(place, "rb", block_size=_PIECE, cache_type="readahead") as source:
            while piece := source.read(_PIECE):
                if time.monotonic() > deadline:
                    raise Refused("can't be fetched: the S3 server is too slow")
                if file.tell() + len(piece) > self._limit:
                    raise TooLarge("too large")
                file.write(piece)
