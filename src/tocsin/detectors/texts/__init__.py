"""Detectors of texts, one a file."""
