"""What a result's flags mean to the person who reads it, and what to do about them.

A flag is an identifier on a result; here is its text. Stages raise flags, faces show texts.
"""

from __future__ import annotations

FLAG_TEXTS: dict[str, str] = {}
