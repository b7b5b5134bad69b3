"""Nets, batches, ranks, trainer, checkpoints, step times."""
