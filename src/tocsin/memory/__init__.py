"""What many kinds of data share when the memory of normal pieces is the detector: neighbours, coresets, banks of shapes."""
