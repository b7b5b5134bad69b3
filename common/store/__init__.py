"""The data directory: what lies where, who writes it, and how it is published whole."""

from common.store.artifacts import checksum, published, publishing, read_json, require
from common.store.durable import InputError, locked, replacing, reserve, staging_folder

__all__ = [
    "InputError",
    "checksum",
    "locked",
    "published",
    "publishing",
    "read_json",
    "replacing",
    "require",
    "reserve",
    "staging_folder",
]
