"""OGC API – Processes, Part 1: Core (OGC 18-062r2), at ``/ogcapi``."""
