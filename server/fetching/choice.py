"""Which of several outputs becomes the input."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol, TypeVar

from processes.declaration import FormatDeclaration
from server.fetching.refusal import Refused
from server.formats import match_format, says_nothing


@dataclass(frozen=True)
class Wanted:
    """What an input takes."""

    name: str
    """Of the input; of an address as a literal (``flight_url``), what it is the address of (``flight``)."""
    formats: tuple[FormatDeclaration, ...] = ()
    """In which it is read; empty where nothing is known of that."""

    @classmethod
    def by(cls, parameter: str, formats: Sequence[FormatDeclaration] = ()) -> Wanted:
        """What the input of that identifier takes."""
        return cls(parameter.removesuffix("_url"), tuple(formats))

    def fits(self, media_type: str | None) -> bool:
        """Whether content of a media type may be meant; one that says nothing does not count."""
        return not says_nothing(media_type) and match_format(self.formats, media_type) is not None

    @property
    def accept(self) -> str:
        """For the header Accept: among what a host has, pages of features come best as GeoJSON."""
        if any("tiff" in one.media_type for one in self.formats):
            return "image/tiff, */*;q=0.8"
        return "application/geo+json, application/json;q=0.9, */*;q=0.8"


class Candidate(Protocol):
    """An output of another process, or a part of an answer."""

    @property
    def name(self) -> str: ...
    @property
    def media_type(self) -> str | None: ...


C = TypeVar("C", bound=Candidate)


def choose(candidates: Sequence[C], wanted: Wanted) -> C:
    """The one there is; of several that of the input's name, else the first in a format that the input takes.

    :raises Refused: there is none, or none of several fits.
    """
    if not candidates:
        raise Refused("holds no output that is data; ask for one that is")
    if len(candidates) == 1:
        return candidates[0]
    fitting = [one for one in candidates if wanted.fits(one.media_type)]
    named = [one for one in fitting or candidates if one.name == wanted.name]
    chosen = (named or fitting)[:1]
    if not chosen:
        names = ", ".join(f"{one.name[:60]} ({(one.media_type or 'no media type')[:60]})" for one in candidates[:20])
        raise Refused(f"holds several outputs, of which none can be told to be meant: {names}; ask for one of them")
    return chosen[0]
