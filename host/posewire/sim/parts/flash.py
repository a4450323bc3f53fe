"""The board's files as they are when it is first switched on: its definition, its settings, the user's tools."""

import json
import shutil
from collections.abc import Mapping
from pathlib import Path
from typing import Any


def write_flash(flash: Path, definition: Mapping[str, Any], config: Mapping[str, Any], user_tools: Path) -> None:
    """Write board.json, config.json and, where there is such a file, user_tools.py into a folder."""
    flash.mkdir()
    (flash / "board.json").write_text(json.dumps(definition))
    (flash / "config.json").write_text(json.dumps(config))
    if user_tools.is_file():
        shutil.copy(user_tools, flash / "user_tools.py")


def merged(base: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """Settings with changes over them, section by section."""
    result = dict(base)
    for name, value in changes.items():
        inner = result.get(name)
        result[name] = merged(inner, value) if isinstance(inner, Mapping) and isinstance(value, Mapping) else value
    return result
