"""Numbered steps that bring the tables of an older version to this one's form."""
