"""Where jobs work, and where their inputs and results lie: in folders, or on an S3 server."""

from __future__ import annotations

from server.links import Links
from server.settings import Settings
from server.store.folder import FolderStore
from server.store.interface import Staged, Store, StoredFile
from server.store.names import NoSuchFile, checked_name, free_bytes
from server.store.objects import ObjectStore

__all__ = [
    "FolderStore",
    "NoSuchFile",
    "ObjectStore",
    "Staged",
    "Store",
    "StoredFile",
    "checked_name",
    "free_bytes",
    "open_store",
]


def open_store(settings: Settings) -> Store:
    """The store that the settings name."""
    server, store = settings.server, settings.store
    opened: FolderStore | ObjectStore
    if store.url:
        opened = ObjectStore(store.url, store.endpoint, server.workdir, server.outputurl)
    else:
        opened = FolderStore(server.outputpath, server.workdir, server.outputurl)
        opened.adopt()
    opened.url = Links(settings).file
    return opened
