"""The HTTP side: application, dependencies and the one place with status numbers."""
