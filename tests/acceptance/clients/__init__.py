"""Other people's programs against the running service: what their users do with it."""
