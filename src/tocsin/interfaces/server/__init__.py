"""The service: HTTP over a place. ``app`` composes it; ``desk`` is what it can do, ``api`` and the dashboard are faces of that desk."""
