"""The web page: for people with a browser and no GIS."""
