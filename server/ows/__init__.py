"""A job's results as map services: WMS, WCS and WFS by MapServer, OGC API – Features by this service itself."""
