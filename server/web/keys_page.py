"""Stub."""

from __future__ import annotations

from flask import Blueprint

from server.web.site import Web


def add_keys(pages: Blueprint, web: Web) -> None:
    """Add it."""
