"""Our runs beside published figures."""
