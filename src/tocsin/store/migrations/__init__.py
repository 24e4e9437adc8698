"""The history of the tables; the newest revision equals ``tables`` (tested)."""
