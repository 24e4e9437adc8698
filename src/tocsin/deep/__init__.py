"""Networks: blocks, the one training loop, and the abstract deep detectors."""
