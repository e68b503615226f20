"""Which of a job's results lie on the map, and what there is to know of each."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gasflux_core.io.map_layers import MapLayer, VectorLayer, read_cell_layer, read_vector_layer
from gasflux_core.io.plane_map import MapRaster, read_map_raster
from server.jobs.model import Job

GEOJSON = "application/geo+json"
GEOTIFF = "image/tiff; subtype=geotiff"


@dataclass(frozen=True)
class Words:
    """What a process says of an output."""

    title: str
    abstract: str


@dataclass(frozen=True)
class RasterOnMap:
    """A GeoTIFF that a map can show."""

    name: str
    """Identifier of the output."""
    words: Words
    path: Path
    raster: MapRaster
    coverage_path: Path
    """The same, or a copy whose rows run from west to east."""
    coverage: MapRaster


@dataclass(frozen=True)
class VectorOnMap:
    """A GeoJSON layer."""

    name: str
    words: Words
    path: Path
    layer: VectorLayer


@dataclass(frozen=True)
class OnMap:
    """All of a job's results that lie on the map, those first that belong below the others."""

    rasters: tuple[RasterOnMap, ...]
    vectors: tuple[VectorOnMap, ...]

    @property
    def names(self) -> list[str]:
        """Of the outputs, vector layers first."""
        return [*(one.name for one in self.vectors), *(one.name for one in self.rasters)]

    def __bool__(self) -> bool:
        return bool(self.rasters or self.vectors)


def candidates(job: Job) -> dict[str, str]:
    """Output → file, of those results whose media type a map can show."""
    return {
        name: item.file
        for name, item in job.results.items()
        if item.file is not None and item.media_type in (GEOJSON, GEOTIFF)
    }


def read_layers(files: Mapping[str, Path], north_up: Mapping[str, Path], words: Mapping[str, Words]) -> OnMap:
    """What lies on the map; a GeoTIFF without a place there is left out.

    :param files: output → file.
    :param north_up: output → copy of its raster with north up, where it needed one.
    """
    rasters, vectors = [], []
    for name, path in files.items():
        said = words.get(name, Words(name, ""))
        if path.suffix == ".geojson":
            vectors.append(VectorOnMap(name, said, path, read_vector_layer(path)))
        elif (raster := read_map_raster(path)) is not None:
            copy = north_up.get(name, path)
            rasters.append(RasterOnMap(name, said, path, raster, copy, read_map_raster(copy) or raster))
    return OnMap(tuple(rasters), tuple(vectors))


def features_of(on_map: OnMap, name: str) -> tuple[Words, MapLayer]:
    """The features of a result: those of a vector layer, or the cells of a raster.

    :param name: one of the map's names.
    """
    for vector in on_map.vectors:
        if vector.name == name:
            return vector.words, vector.layer
    raster = next(one for one in on_map.rasters if one.name == name)
    return raster.words, read_cell_layer(raster.path)
