"""Trains, evaluates and ships inference-free sparse document encoders: prepare, teach, train, export, evaluate, ablate."""
