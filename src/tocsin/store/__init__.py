"""What outlives a process: one database, files named by their content, and nothing of HTTP or of models."""

from importlib.util import find_spec

from tocsin.core.errors import MissingExtra

for package in ("sqlalchemy", "alembic"):
    if find_spec(package) is None:
        raise MissingExtra("TOC-501", f"the store needs the package {package!r}", came="it is not installed",
                           todo="pip install 'tocsin[serve]'")
