"""Exports of reviews to Parquet: formats, fields, exact and fast CSV, ingest."""
