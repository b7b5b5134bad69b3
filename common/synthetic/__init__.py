"""Reviews that behave like real ones."""
