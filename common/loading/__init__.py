"""Exports of reviews to Parquet: formats, fields, exact and fast CSV, ingest."""

from common.loading.loader import ingest
from common.loading.records import read_records
from common.store import InputError

__all__ = ["InputError", "ingest", "read_records"]
