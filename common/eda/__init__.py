"""Counts of a file of reviews, their sum, and the tables answered from them."""
