"""The command: one file per subcommand, put together in ``app.py``. Nothing heavy is imported before a subcommand runs."""
