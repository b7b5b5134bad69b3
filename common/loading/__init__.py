"""Exports of reviews to Parquet: formats, fields, exact and fast CSV, ingest."""

from common.loading.inspection import inspect
from common.loading.loader import ingest
from common.loading.losses import quarantine_sentence
from common.loading.records import read_records
from common.store import InputError

__all__ = ["InputError", "ingest", "inspect", "quarantine_sentence", "read_records"]
