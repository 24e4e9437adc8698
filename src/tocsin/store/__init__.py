"""What outlives a process: one database, files named by their content, and nothing of HTTP or of models."""
