"""What a job was, as RO-Crate metadata: who had what calculated from which inputs, when, with which version.

JSON-LD after RO-Crate 1.1 (https://w3id.org/ro/crate/1.1) and its profile Process Run Crate 0.5. It is made of the
job's row alone, so that the same row gives the same text.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any
from urllib.parse import urlsplit

from processes.declaration import InputDeclaration, OutputDeclaration, ProcessDeclaration
from server.jobs.model import Job, ResultItem
from server.jobs.request import InputItem
from server.sections import MetadataSection

METADATA_FILE = "ro-crate-metadata.json"

_CRATE = "https://w3id.org/ro/crate/1.1"
_PROFILE = "https://w3id.org/ro/wfrun/process/0.5"
_CONTEXT = [f"{_CRATE}/context", "https://w3id.org/ro/terms/workflow-run/context"]

Entity = dict[str, Any]


@dataclass(frozen=True)
class Service:
    """The service that ran a job."""

    about: MetadataSection
    address: str
    """Of its start page."""
    version: str
    """Of this program."""


def crate_metadata(job: Job, declared: ProcessDeclaration, service: Service, sender: str) -> dict[str, Any]:
    """The metadata of a job that was successful.

    :param sender: whose key it was sent with; empty: none was sent.
    """
    inputs = list(_inputs(job, declared))
    files = [_file(item, declared.output(name)) for name, item in job.results.items() if item.file]
    figures = [_figure(name, item, declared.output(name)) for name, item in job.results.items() if _is_figure(item)]
    agent = _agent(service, sender)
    software = _software(job, declared, service)
    run = _run(job, declared, software, agent, inputs, [*files, *figures])
    rights = _rights(service)
    graph: list[Entity] = [
        {
            "@id": METADATA_FILE,
            "@type": "CreativeWork",
            "about": {"@id": "./"},
            "conformsTo": [{"@id": _CRATE}, {"@id": _PROFILE}],
        },
        _root(job, declared, run, files, agent, rights),
        {"@id": _PROFILE, "@type": "CreativeWork", "name": "Process Run Crate", "version": "0.5"},
        rights,
        software,
        agent,
        run,
        *inputs,
        *files,
        *figures,
    ]
    return {"@context": _CONTEXT, "@graph": graph}


def _root(
    job: Job, declared: ProcessDeclaration, run: Entity, files: Iterable[Entity], agent: Entity, rights: Entity
) -> Entity:
    return {
        "@id": "./",
        "@type": "Dataset",
        "name": job.name or f"{declared.title}, job {job.id}",
        "description": job.notes or declared.abstract or declared.title,
        "identifier": job.id,
        "datePublished": _time(job.finished or job.created),
        "license": _reference(rights),
        "publisher": _reference(agent),
        "conformsTo": {"@id": _PROFILE},
        "mentions": [_reference(run)],
        "hasPart": [_reference(one) for one in files],
    }


def _run(
    job: Job,
    declared: ProcessDeclaration,
    software: Entity,
    agent: Entity,
    inputs: Iterable[Entity],
    results: Iterable[Entity],
) -> Entity:
    return {
        "@id": f"urn:uuid:{job.id}",
        "@type": "CreateAction",
        "name": f"{declared.title} ({declared.identifier})",
        "instrument": _reference(software),
        "agent": _reference(agent),
        "startTime": _time(job.started or job.created),
        "endTime": _time(job.finished or job.created),
        "actionStatus": {"@id": "http://schema.org/CompletedActionStatus"},
        "object": [_reference(one) for one in inputs],
        "result": [_reference(one) for one in results],
    }


def _software(job: Job, declared: ProcessDeclaration, service: Service) -> Entity:
    return {
        "@id": f"#process-{declared.identifier}",
        "@type": "SoftwareApplication",
        "name": f"GasFlux WPS: {declared.title}",
        "identifier": declared.identifier,
        "description": declared.abstract,
        "version": job.version,
        "softwareVersion": job.version or service.version,
        "url": service.address,
    }


def _agent(service: Service, sender: str) -> Entity:
    """Who had it calculated: the owner of the key, else who runs the service."""
    if sender:
        return {"@id": "#sender", "@type": "Person", "name": sender}
    about = service.about
    provider = {"@id": about.provider_url or "#provider", "@type": "Organization"}
    return {**provider, "name": about.provider or "Not stated"}


def _rights(service: Service) -> Entity:
    constraints = service.about.identification_accessconstraints
    return {
        "@id": "#rights",
        "@type": "CreativeWork",
        "name": "Rights in the results",
        "description": "The results belong to whoever sent the inputs; no licence was stated. Constraints on using the "
        f"service: {constraints}.",
    }


def _inputs(job: Job, declared: ProcessDeclaration) -> Iterator[Entity]:
    for name, items in job.request.inputs.items():
        for number, item in enumerate(items, start=1):
            yield _input(f"#input-{name}-{number}", name, item, declared.input(name))


def _input(identifier: str, name: str, item: InputItem, declared: InputDeclaration | None) -> Entity:
    title, abstract = (declared.title, declared.abstract) if declared is not None else (name, "")
    if item.text is not None and (declared is None or declared.kind != "complex"):
        unit = item.unit or (declared.unit if declared is not None else None)
        return _set(
            {"@id": identifier, "@type": "PropertyValue", "propertyID": name, "name": title, "value": item.text},
            description=abstract,
            unitText=unit,
        )
    # A file that was sent is not part of the crate, so it is no File of it.
    return _set(
        {"@id": identifier, "@type": "CreativeWork", "name": item.file_name or title, "alternateName": name},
        description=f"{title}, sent as the input {name}; not in this crate.",
        encodingFormat=item.media_type,
        contentSize=None if item.size is None else str(item.size),
        sha256=item.sha256,
        url=_without_secrets(item.href),
    )


def _file(item: ResultItem, declared: OutputDeclaration | None) -> Entity:
    return _set(
        {"@id": item.file, "@type": "File", "name": declared.title if declared is not None else item.file},
        description=declared.abstract if declared is not None else None,
        encodingFormat=item.media_type,
        contentSize=None if item.size is None else str(item.size),
        sha256=item.sha256,
    )


def _is_figure(item: ResultItem) -> bool:
    # Addresses of services live as long as the service, and may let in who has them.
    return item.file is None and item.text is not None and item.data_type != "anyURI"


def _figure(name: str, item: ResultItem, declared: OutputDeclaration | None) -> Entity:
    title, abstract = (declared.title, declared.abstract) if declared is not None else (name, "")
    value = {"@id": f"#result-{name}", "@type": "PropertyValue", "propertyID": name, "name": title, "value": item.text}
    return _set(value, description=abstract, unitText=item.unit)


def _without_secrets(address: str | None) -> str | None:
    """An address without user, password and query, in which keys are often given."""
    if not address:
        return None
    try:
        parts = urlsplit(address)
    except ValueError:
        return None
    return parts._replace(netloc=parts.netloc.rpartition("@")[2], query="", fragment="").geturl()


def _reference(entity: Mapping[str, Any]) -> Entity:
    return {"@id": entity["@id"]}


def _set(entity: Entity, **optional: str | None) -> Entity:
    """An entity with those properties that have a value."""
    return entity | {name: value for name, value in optional.items() if value}


def _time(moment: datetime) -> str:
    return moment.astimezone(UTC).isoformat(timespec="seconds")
