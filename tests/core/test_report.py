"""The report: what it says is what was found, and the file needs nothing but itself."""

from __future__ import annotations

import base64
import dataclasses
import hashlib
import io
import json
import re
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from gasflux_core import report
from gasflux_core.configuration import read_configuration
from gasflux_core.flags import FLAG_TEXTS
from gasflux_core.other_estimates import Disagreement
from gasflux_core.pipeline import Result, check_settings, run_pipeline
from gasflux_core.report import drawing
from gasflux_core.report.contents import Origin, flag_notices
from gasflux_core.report.gas_section import gas_section
from gasflux_core.report.quantities import gas_name, mass_unit, plain, to_place_of
from gasflux_core.report.track_figure import track_view
from gasflux_core.report.wording import wording
from gasflux_core.simulate import SimulationParameters, simulate_flight
from gasflux_core.thinning import thinned
from gasflux_core.wind_rose import wind_rose
from tests.core.html_pages import Page

FIGURES = (
    report.figure_flux_plane,
    report.figure_standard_error,
    report.figure_transects,
    report.figure_background,
    report.figure_variogram,
    report.figure_track,
    report.figure_track_3d,
    report.figure_preview,
)

ENGLISH = wording()

ORIGIN = Origin(
    source="flight.csv",
    size=123456,
    sha256="0" * 64,
    calculated=datetime(2026, 5, 4, 13, 12, 11, tzinfo=UTC),
    provider="Institute of <Air> & Sky",
)


def run(settings: dict | None = None, gases: tuple[str, ...] = ("ch4",), **simulation: object) -> Result:
    flight = simulate_flight(
        SimulationParameters.check({"transects": 5, "width": 120, "sample_rate": 0.5, **simulation})
    )
    return run_pipeline(flight.table, gases, check_settings(settings or {}))


@pytest.fixture(scope="module")
def curtain() -> Result:
    return run(legs=True)


@pytest.fixture(scope="module")
def spiral() -> Result:
    return run(pattern="spiral")


@pytest.fixture(scope="module")
def slope() -> Result:
    return run({"variogram": {"quantity": "flux_density"}}, ground_slope=0.1)


@pytest.fixture(scope="module")
def without_source() -> Result:
    return run(sources=[{"rates": {"ch4": 0.0}}], transects=8)


@pytest.fixture(scope="module")
def page(curtain: Result) -> str:
    return report.render_report(report.report_contents(curtain, ORIGIN))


@pytest.fixture(scope="module")
def parsed(page: str) -> Page:
    return Page(page)


# ---- the page


def test_page_is_well_formed_and_reaches_no_other_address(page: str, parsed: Page) -> None:
    assert not re.search(r"(src|href|action)\s*=\s*[\"']?\s*(https?:|//)", page, re.IGNORECASE)
    assert not re.search(r"url\(|@import", page, re.IGNORECASE)
    assert not {"link", "iframe", "object", "embed", "base"} & {tag for tag, _ in parsed.elements}
    assert all(str(image["src"]).startswith("data:image/png;base64,") for image in parsed.all("img"))
    for anchor in parsed.all("a"):
        assert str(anchor["href"])[1:] in {attributes.get("id") for _, attributes in parsed.elements}


def test_page_can_be_read_without_seeing_it(parsed: Page) -> None:
    identifiers = [str(attributes["id"]) for _, attributes in parsed.elements if "id" in attributes]
    assert len(identifiers) == len(set(identifiers))
    assert len(parsed.all("img")) == 8
    assert all(len(str(image["alt"])) > 30 for image in parsed.all("img"))
    assert parsed.all("html")[0]["lang"] == "en"
    assert len(parsed.all("h1")) == 1
    for _, attributes in parsed.elements:
        if "aria-labelledby" in attributes:
            assert attributes["aria-labelledby"] in identifiers
    levels = [int(tag[1]) for tag, _ in parsed.elements if re.fullmatch(r"h[1-6]", tag)]
    assert all(after - before <= 1 for before, after in pairwise(levels))


def test_pictures_have_the_size_that_the_page_says(parsed: Page) -> None:
    for image in parsed.all("img"):
        data = base64.b64decode(str(image["src"]).split(",", 1)[1])
        assert Image.open(io.BytesIO(data)).size == (int(str(image["width"])), int(str(image["height"])))


def test_page_says_the_rate_with_its_interval_and_budget(curtain: Result, page: str) -> None:
    rate = curtain.gases["ch4"].rate
    said = gas_section(curtain, "ch4", ENGLISH)
    assert float(said["rate"]) == pytest.approx(rate.emission_rate, abs=0.05 * rate.standard_uncertainty + 1e-9)
    for key in ("rate", "uncertainty", "low", "high"):
        assert said[key] in page
    assert [row["title"] for row in said["budget"][:-1]] == [term.title for term in rate.budget]
    assert float(said["budget"][-1]["width"]) == 100.0
    assert float(said["parts"][0]["value"].replace("−", "-")) == pytest.approx(
        rate.sampled, abs=0.1 * rate.standard_uncertainty
    )


def test_interval_bar_is_drawn_to_scale(curtain: Result) -> None:
    rate = dataclasses.replace(curtain.gases["ch4"].rate, emission_rate=10.0, interval95=(5.0, 20.0))
    bar = _gas(curtain, rate=rate)
    assert (bar["zero"], bar["low"], bar["rate"], bar["width"]) == ("2.00", "26.00", "50.00", "72.00")


def _gas(result: Result, **changes: object) -> dict[str, str]:
    gases = {"ch4": dataclasses.replace(result.gases["ch4"], **changes)}
    bar: dict[str, str] = gas_section(dataclasses.replace(result, gases=gases), "ch4", ENGLISH)["bar"]
    return bar


def test_settings_in_the_page_make_the_same_run(curtain: Result, parsed: Page) -> None:
    read = read_configuration(parsed.content_of("configuration"))
    assert check_settings(read.sections) == curtain.settings
    assert read.gases == ("ch4",)


def test_page_is_the_same_for_the_same_run(curtain: Result, page: str, tmp_path: Path) -> None:
    report.write_report(tmp_path / "report.html", report.report_contents(curtain, ORIGIN))
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == page


def test_page_names_the_input_and_versions(curtain: Result, page: str) -> None:
    for said in (
        "flight.csv",
        "123456 bytes",
        "0" * 64,
        "2026-05-04 13:12:11 UTC",
        "Institute of &lt;Air&gt; &amp; Sky",
    ):
        assert f"<dd>{said}</dd>" in page
    for name, version in curtain.versions.items():
        assert f"{name} {version}" in page


def test_text_of_users_is_never_markup(curtain: Result) -> None:
    evil = "<script>alert(1)</script>'; rm -rf x #.csv"
    hostile = dataclasses.replace(curtain, notes=("<img src=x onerror=alert(1)>",))
    text = report.render_report(report.report_contents(hostile, Origin(source=evil)))
    found = Page(text)
    assert "not given" in found.texts["dd"]
    assert len(found.all("script")) == 2
    assert not any("onerror" in attributes for _, attributes in found.elements)
    command = next(line for line in found.texts["pre"] if "gasflux-wps" in line)
    assert subprocess.run(
        ["bash", "-c", command.replace("gasflux-wps", "printf '%s\\n'")], capture_output=True, text=True, check=True
    ).stdout.splitlines()[1:2] == [evil]


def test_content_policy_lets_only_the_own_script_run(page: str, parsed: Page) -> None:
    policy = str(next(meta["content"] for meta in parsed.all("meta") if "http-equiv" in meta))
    script = page[page.rindex("<script>") + len("<script>") : page.rindex("</script>")]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in policy
    assert policy.startswith("default-src 'none'")


def test_flags_are_told_in_words_once(curtain: Result, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(FLAG_TEXTS, "light_wind", "The wind was light: wait for more.")
    rate = dataclasses.replace(curtain.gases["ch4"].rate, flags=("light_wind",))
    gas = dataclasses.replace(curtain.gases["ch4"], rate=rate)
    both = dataclasses.replace(curtain, flags=(), gases={"ch4": gas, "co2": gas})
    told = {"about": "CH₄, CO₂", "text": "The wind was light: wait for more."}
    assert flag_notices(both, ENGLISH) == [told]
    assert flag_notices(dataclasses.replace(both, flags=("light_wind",)), ENGLISH) == [told | {"about": "The flight"}]


def test_rows_left_out_are_counted(curtain: Result, page: str) -> None:
    left_out = int((~curtain.table["kept"]).sum())
    assert left_out > 0
    counts = re.findall(r'<td class="number">(\d+)</td>', page[page.index("Samples not used") :])
    assert sum(map(int, counts)) == left_out


def test_turning_view_holds_the_track(curtain: Result, page: str) -> None:
    data = json.loads(re.search(r'id="view-data">(.*?)</script>', page, re.DOTALL).group(1))  # type: ignore[union-attr]
    points = np.array(data["points"])
    span = np.ptp(curtain.table[["easting", "northing", "z"]].to_numpy(), axis=0)
    assert np.ptp(points[:, :3], axis=0) == pytest.approx(span, abs=0.2)
    assert len(points) <= 2000
    assert points[:, 3].max() == pytest.approx(curtain.table["ch4_enhancement"].max(), rel=1e-3)


def test_long_flights_are_thinned_in_the_view(curtain: Result) -> None:
    rows = curtain.table.loc[curtain.table.index.repeat(40)].reset_index(drop=True)
    long = dataclasses.replace(curtain, flux=dataclasses.replace(curtain.flux, table=rows))
    assert len(track_view(long, "ch4")["points"]) <= 2000


@pytest.mark.parametrize("kind", ["spiral", "slope", "without_source"])
def test_every_kind_of_flight_is_drawn(kind: str, request: pytest.FixtureRequest) -> None:
    result: Result = request.getfixturevalue(kind)
    found = Page(report.render_report(report.report_contents(result)))
    assert ("cylinder" in "".join(found.texts["dd"])) == (kind == "spiral")
    assert len(found.all("img")) == 8


def test_shares_of_a_rate_that_may_be_nothing_are_not_told(without_source: Result) -> None:
    said = gas_section(without_source, "ch4", ENGLISH)
    assert not said["detected"]
    assert {row["percent"] for row in said["budget"]} == {"–"}
    assert {row["share"] for row in said["parts"]} == {"–"}


# ---- figures


def test_flux_plane_shows_the_field_and_adds_up_to_it(slope: Result) -> None:
    field = slope.gases["ch4"].field
    plane, along, upwards = report.figure_flux_plane(slope, "ch4").axes
    shown = np.ma.filled(plane.images[0].get_array(), np.nan)
    assert np.array_equal(np.isfinite(shown), (field.region > 0) & np.isfinite(field.estimate))
    inside = field.region > 0
    assert shown[inside] == pytest.approx(field.estimate[inside], nan_ok=True)
    rates = along.patches[0].get_data()
    assert np.sum(rates.values * np.diff(rates.edges)) == pytest.approx(field.integral)
    rates = upwards.patches[0].get_data()
    assert np.sum(rates.values * np.diff(rates.edges)) == pytest.approx(field.integral)
    assert plane.get_xlim() == pytest.approx((field.x[0] - field.cell_width / 2, field.x[-1] + field.cell_width / 2))


def test_samples_have_the_colours_of_the_field(curtain: Result) -> None:
    plane = report.figure_flux_plane(curtain, "ch4").axes[0]
    samples = plane.collections[-1]
    assert (samples.norm.vmin, samples.norm.vmax) == (plane.images[0].norm.vmin, plane.images[0].norm.vmax)
    assert samples.cmap.name == plane.images[0].cmap.name
    kept = curtain.table[curtain.table["kept"]]
    assert len(samples.get_offsets()) == len(kept)
    assert np.asarray(samples.get_array()) == pytest.approx(kept["ch4_flux_density"].to_numpy())


@pytest.mark.parametrize("stretch", [0.25, 0.5, 20.0])
def test_plane_is_drawn_to_scale_or_says_so(curtain: Result, stretch: float) -> None:
    field = curtain.gases["ch4"].field
    field = dataclasses.replace(field, x=stretch * field.x, cell_width=stretch * field.cell_width)
    gas = dataclasses.replace(curtain.gases["ch4"], field=field)
    axes = report.figure_standard_error(dataclasses.replace(curtain, gases={"ch4": gas}), "ch4").axes[0]
    scale = (axes.bbox.height / np.ptp(axes.get_ylim())) / (axes.bbox.width / np.ptp(axes.get_xlim()))
    said = re.search(r"drawn (\d+) times", axes.get_xlabel())
    assert (said is not None) == (stretch == 20.0)
    assert scale == pytest.approx(float(said.group(1)) if said else 1.0, rel=1e-6)
    assert 1.5 * drawing.DPI < axes.bbox.height < 4.5 * drawing.DPI


def test_wind_rose_holds_all_kept_rows(curtain: Result) -> None:
    limits, counts = wind_rose(curtain.table, 24)
    assert counts.sum() == curtain.table["kept"].sum()
    turned = curtain.table.assign(winddir=(curtain.table["winddir"] + 90) % 360)
    np.testing.assert_array_equal(wind_rose(turned, 24)[1], np.roll(counts, 6, axis=1))
    assert limits[-1] > curtain.table.loc[curtain.table["kept"], "windspeed"].max()


def test_variogram_is_drawn_as_fitted(curtain: Result) -> None:
    variogram = curtain.gases["ch4"].variogram
    figure = report.figure_variogram(curtain, "ch4")
    assert len(figure.axes) == len(variogram.experimental) == 2
    for axes, classes in zip(figure.axes, variogram.experimental, strict=True):
        power = int(np.floor(np.log10(max(variogram.sill, *(c.semivariance.max() for c in variogram.experimental)))))
        points = np.asarray(axes.collections[0].get_offsets())
        assert points[:, 1] * 10.0**power == pytest.approx(classes.semivariance)


def test_threads_draw_the_same_pictures(curtain: Result) -> None:
    alone = [drawing.png(figure(curtain, "ch4")) for figure in FIGURES]
    with ThreadPoolExecutor(4) as pool:
        together = list(pool.map(lambda figure: drawing.png(figure(curtain, "ch4")), FIGURES))
    assert together == alone


def test_preview_is_a_small_png(curtain: Result, tmp_path: Path) -> None:
    path = tmp_path / "preview.png"
    report.write_preview(path, curtain, "ch4")
    assert Image.open(path).size == (704, 352)
    assert b"Software" not in path.read_bytes()


def test_other_methods_stand_beside_the_kriged_rate(curtain: Result) -> None:
    said, rate = gas_section(curtain, "ch4", ENGLISH), curtain.gases["ch4"].rate
    assert [row["title"] for row in said["others"][1:]] == [one.title for one in rate.other_estimates]
    assert said["others"][0]["value"].startswith(said["rate"])
    drawn = [row for row in said["others"] if row["width"]]
    assert min(float(row["low"]) for row in drawn) == 0.0
    assert max(float(row["low"]) + float(row["width"]) for row in drawn) == pytest.approx(100.0, abs=0.02)


def test_the_page_says_whether_methods_agree(curtain: Result, without_source: Result) -> None:
    found = curtain.gases["ch4"]
    said = []
    for disagreement in (Disagreement("plume", 0.1, 2.0, 1.0), Disagreement("transects", -5.0, 50.0, 4.0), None):
        rate = dataclasses.replace(found.rate, disagreement=disagreement)
        gases = {"ch4": dataclasses.replace(found, rate=rate)}
        said.append(gas_section(dataclasses.replace(curtain, gases=gases), "ch4", ENGLISH)["others_said"])
    assert "explain" in said[0]
    assert "50 %" in said[1]
    assert "trust the interval less" in said[1]
    assert said[2] == ENGLISH["others_none"]
    nothing = gas_section(without_source, "ch4", ENGLISH)
    assert nothing["others_said"] == ENGLISH["others_undetected"]
    assert [row["value"] for row in nothing["others"]].count(ENGLISH["others_withheld"]) == 1
    assert "noise" in nothing["others"][-1]["note"]


def test_nothing_is_loaded_before_it_is_drawn() -> None:
    code = "import sys, gasflux_core.report; print('matplotlib' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "False"


# ---- colours, thinning, numbers


@pytest.mark.parametrize(
    ("values", "colours", "limits", "extend"),
    [
        ([0.0, 2.0], drawing.SEQUENTIAL, (0.0, 2.0), "neither"),
        ([-0.1, 2.0, np.nan], drawing.SEQUENTIAL, (0.0, 2.0), "min"),
        ([-1.0, 2.0], drawing.DIVERGING, (-2.0, 2.0), "neither"),
        ([-3.0, -1.0], drawing.DIVERGING, (-3.0, 3.0), "neither"),
        ([0.0, 0.0], drawing.DIVERGING, (-1.0, 1.0), "neither"),
    ],
)
def test_colours_tell_the_sign_where_it_matters(
    values: list[float], colours: str, limits: tuple[float, float], extend: str
) -> None:
    name, norm, ends = drawing.flux_scale(np.array(values))
    assert (name, (norm.vmin, norm.vmax), ends) == (colours, limits, extend)


@given(
    st.lists(st.floats(-1e6, 1e6) | st.just(np.nan), min_size=1, max_size=400), st.integers(min_value=3, max_value=100)
)
def test_thinned_keeps_the_extremes(values: list[float], limit: int) -> None:
    given = np.array(values)
    rows = thinned(given, limit)
    assert np.all(np.diff(rows) > 0)
    assert len(rows) <= max(limit, 3)
    if np.isfinite(given).any():
        assert np.nanmax(given[rows]) == np.nanmax(given)
        assert np.nanmin(given[rows]) == np.nanmin(given)


@given(st.floats(-1e5, 1e5), st.floats(1e-4, 1e4))
def test_numbers_are_rounded_far_within_their_uncertainty(value: float, uncertainty: float) -> None:
    text = to_place_of(value, uncertainty).replace("−", "-")
    assert abs(float(text) - value) <= 0.051 * uncertainty
    assert text != "-0"


@pytest.mark.parametrize(
    ("value", "uncertainty", "text"),
    [
        (10.234, 0.56, "10.23"),
        (1995.3, 123.0, "2000"),
        (-0.004, 0.5, "0.00"),
        (-1.26, 0.4, "−1.26"),
        (3.14159, 0.0, "3.142"),
        (float("nan"), 1.0, "–"),
    ],
)
def test_numbers_as_they_are_printed(value: float, uncertainty: float, text: str) -> None:
    assert to_place_of(value, uncertainty) == text


@pytest.mark.parametrize(
    ("value", "text"), [(0.0, "0"), (0.012345, "0.0123"), (1.3e-9, "1.30·10⁻⁹"), (12345.0, "12300"), (-2.0, "−2.00")]
)
def test_plain_numbers(value: float, text: str) -> None:
    assert plain(value) == text


def test_gas_names_and_units() -> None:
    assert gas_name("c2h6") == "C₂H₆"
    assert mass_unit(3.0) == (1.0, "kg")
    assert mass_unit(0.002) == (1e3, "g")
    assert mass_unit(2e-6) == (1e6, "mg")
    assert mass_unit(0.0) == (1.0, "kg")
