"""References to objects of S3 buckets, against a server that listens on the loopback."""

from __future__ import annotations

from pathlib import Path

import pytest

from gasflux_core.errors import TooLarge
from server.store import ObjectStore
from tests.server.answers import Make, folder, make, refusal
from tests.server.test_object_store import endpoint, first

__all__ = ["endpoint", "first", "folder", "make"]


@pytest.fixture
def bucket(first: ObjectStore) -> str:
    """Name of a bucket with two files."""
    for key, content in (("open/a b.csv", b"a,b\n"), ("open-secret/s.csv", b"s"), ("open/big.csv", b"x" * 200)):
        first._files.pipe_file(f"first/{key}", content)
    return "first"


def test_objects_of_open_buckets_are_read(make: Make, folder: Path, endpoint: str, bucket: str) -> None:
    fetcher = make(buckets=(f"s3://{bucket}/open",), endpoint=endpoint, limit=100)
    assert fetcher.fetch(f"s3://{bucket}/open/a%20b.csv", folder, "flight").read_bytes() == b"a,b\n"
    with pytest.raises(TooLarge, match="100 bytes"):
        fetcher.fetch(f"s3://{bucket}/open/big.csv", folder, "flight")


@pytest.mark.parametrize(
    "key",
    [
        "open-secret/s.csv",
        "open/../open-secret/s.csv",
        "open/%2e%2e/open-secret/s.csv",
        "open/none.csv",
        "open",
        "open/",
        "open//a b.csv",
        "open/a%20b.csv?versionId=1",
        "open/a%20b.csv#x",
        "",
    ],
)
def test_no_others_are(make: Make, folder: Path, endpoint: str, bucket: str, key: str) -> None:
    fetcher = make(buckets=(f"s3://{bucket}/open/",), endpoint=endpoint)
    assert "no object in a bucket that is open" in refusal(fetcher, f"s3://{bucket}/{key}", folder)
    assert "no object in a bucket that is open" in refusal(make(endpoint=endpoint), f"s3://{bucket}/{key}", folder)


def test_a_server_that_is_away_is_told_without_its_secrets(make: Make, folder: Path, bucket: str) -> None:
    fetcher = make(buckets=(f"s3://{bucket}",), endpoint="http://127.0.0.1:9")
    message = refusal(fetcher, f"s3://{bucket}/open/a%20b.csv", folder)
    assert "S3 server gives no such object" in message and ":9" not in message
