"""Nets, batches, ranks, launch, trainer, checkpoints, step profiles, recording."""

import os

# Before torch is there: its profiler warns of memory that is older than a profile.
os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")
