"""Reviews to matrices, fitted on training rows, the same for live prediction."""
