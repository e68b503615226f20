"""The documentation; its reference pages are made by ``docs.make_reference``."""
