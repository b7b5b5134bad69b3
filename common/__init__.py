"""What the numbered scripts share; see README.md for the data flow."""
