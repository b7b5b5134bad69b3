"""Tables of words and numbers that lie in .toml files beside the modules that read them."""

import tomllib
from pathlib import Path
from typing import Any


def toml_beside(module: str, name: str = "") -> dict[str, Any]:
    """The content of the .toml file beside a module (its __file__): the one with the module's own
    name, or with this one."""
    path = Path(module).with_suffix(".toml")
    return tomllib.loads((path.with_name(name) if name else path).read_text(encoding="utf-8"))
