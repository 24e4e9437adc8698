"""The univariate paths of the retired Azure AI Anomaly Detector, answered by Tocsin: forms in, errors out, routes."""
