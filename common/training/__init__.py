"""Nets, batches, ranks, launch, trainer, checkpoints, step profiles, recording."""

import os
import warnings

# Before torch is there: its profiler warns of memory that is older than a profile.
os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")
# One rank needs no process group for its checkpoints.
warnings.filterwarnings("ignore", message="torch.distributed is disabled")
