"""The pages of app.py."""

from common.toml import toml_beside

TABLES = toml_beside(__file__, "pages.toml")
