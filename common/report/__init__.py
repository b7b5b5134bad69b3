"""Metrics to tables and sentences, and the page."""
