"""Detectors of log lines and sessions."""
