"""Figures and the report of a run. The only part of the core that draws."""

from gasflux_core.report.background_figure import figure_background, figure_transects
from gasflux_core.report.contents import Origin, ReportContents, report_contents
from gasflux_core.report.forest_figure import figure_forest
from gasflux_core.report.page import render_report, write_report
from gasflux_core.report.pdf import render_report_pdf, write_report_pdf
from gasflux_core.report.plane_figure import figure_flux_plane, figure_preview, figure_standard_error, write_preview
from gasflux_core.report.track_figure import figure_track, figure_track_3d
from gasflux_core.report.variogram_figure import figure_variogram
from gasflux_core.report.wind_figure import figure_wind
from gasflux_core.report.wording import wording

__all__ = [
    "Origin",
    "ReportContents",
    "figure_background",
    "figure_flux_plane",
    "figure_forest",
    "figure_preview",
    "figure_standard_error",
    "figure_track",
    "figure_track_3d",
    "figure_transects",
    "figure_variogram",
    "figure_wind",
    "render_report",
    "render_report_pdf",
    "report_contents",
    "wording",
    "write_preview",
    "write_report",
    "write_report_pdf",
]
