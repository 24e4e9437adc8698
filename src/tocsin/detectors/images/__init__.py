"""Detectors of pictures, one a file."""
