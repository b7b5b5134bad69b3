"""The data directory: what lies where, who writes it, and how it is published whole."""
