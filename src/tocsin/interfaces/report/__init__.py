"""The report: one HTML file that holds everything it shows, and nothing that leaves it."""
