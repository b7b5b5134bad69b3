"""Every other way that a step is compared with."""
