"""What subscribers are sent (OGC 18-062r2, clause 13): the results of a job, or how it is doing."""

from __future__ import annotations

import json
from dataclasses import replace

from processes.declaration import ProcessDeclaration
from server.jobs.model import Job, JobStatus
from server.ogcapi.results import Result, document, results_of
from server.ogcapi.site import JSON, Site
from server.ogcapi.status import status_info
from server.settings import Settings
from server.store import Store

_LARGEST_INLINE = 1024 * 1024
"""Larger files are named by their address: a notice is put together in memory, and may have to be sent again."""


def notice(job: Job, settings: Settings, store: Store) -> tuple[bytes, str]:
    """What a subscriber is told of a job as it is now.

    :returns: the body and its media type: results.yaml of a successful job, statusInfo.yaml of every other.
    """
    site = Site.of(settings)
    if job.status is not JobStatus.SUCCESSFUL:
        return json.dumps(status_info(job, site, settings.store), ensure_ascii=False).encode(), JSON
    unknown = ProcessDeclaration(job.process, job.process, "", job.version, (), (), ())
    results = [_small(result) for result in results_of(job, unknown, site, store)]
    return b"".join(document(results)), JSON


def _small(result: Result) -> Result:
    large = result.stored is not None and result.stored.size > _LARGEST_INLINE
    return replace(result, by_reference=True) if large else result
