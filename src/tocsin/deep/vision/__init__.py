"""Looking at pictures: convolutional backbones in plain PyTorch, their weights, and what detectors read off them."""
