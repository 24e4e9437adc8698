"""Point by point: event time, warm-up, adaptive thresholds, and the memory that is saved in the middle of a stream."""
