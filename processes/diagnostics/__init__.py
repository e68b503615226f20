"""Processes that try the service itself, offered only where the setting ``[gasflux] diagnostics`` says so."""
