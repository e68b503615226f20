"""The REST face: the paths that scripts written for the GasFlux Web API call."""
