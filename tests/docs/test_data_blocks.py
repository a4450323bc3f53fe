"""Every block of settings, sentences and messages in the pages is one that the program takes."""

import json
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from docs.pages import ROOT, Block, blocks
from posewire.boards.board_file import parse_board
from posewire.server.settings import load_settings
from posewire.voice.commands.sentences_file import load_sentences
from posewire.wire.messages import parse_hello, parse_text

sys.path.insert(0, str(ROOT / "firmware"))


@pytest.mark.parametrize("block", blocks("toml"), ids=str)
def test_settings(block: Block, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    data = tomllib.loads(block.text)
    if "board" in data:
        parse_board(data)
        return
    if "project" in data:  # an entry point in a package of the user's
        assert data["project"]["entry-points"]
        return
    # What a page names as the user's own is made here: secrets in variables, files.
    for _, value in _named(data, "_env") + _named(data, "env"):
        for variable in value if isinstance(value, list) else [value]:
            if variable:
                monkeypatch.setenv(variable, "a-secret-of-forty-characters-for-the-test")
    text = block.text
    for _, value in _named(data, "file") + _named(data, "_file") + _named(data, "sentences"):
        for path in filter(None, value if isinstance(value, list) else [value]):
            (tmp_path / Path(path).name).write_text("a-secret-of-forty-characters-for-the-test")
            text = text.replace(path, (tmp_path / Path(path).name).as_posix())
    (tmp_path / "posewire.toml").write_text(text)
    load_settings(tmp_path / "posewire.toml")


def _named(data: dict[str, Any], ending: str) -> list[tuple[str, Any]]:
    found = []
    for name, value in data.items():
        for table in value if isinstance(value, list) else [value]:
            if isinstance(table, dict):
                found += _named(table, ending)
        if (name == ending or (ending[0] == "_" and name.endswith(ending))) and isinstance(value, str | list):
            found.append((name, value))
    return found


@pytest.mark.parametrize("block", blocks("yaml"), ids=str)
def test_sentences(block: Block, tmp_path: Path) -> None:
    file = tmp_path / "mine.yaml"
    file.write_text(block.text)
    load_sentences([file])


@pytest.mark.parametrize("block", blocks("json"), ids=str)
def test_messages(block: Block) -> None:
    data = json.loads(block.text)
    if "type" in data:
        message = parse_text(block.text)
        if message["type"] == "hello":
            parse_hello(message)
    elif "mcpServers" in data:
        for server in data["mcpServers"].values():
            assert server["command"] == "posewire"
    elif "compilerOptions" in data:
        assert "paths" in data["compilerOptions"]  # tests/browser/web_client/test_client_code.py compiles with it
    else:
        from posewire_fw import config

        assert config.read(data)[1] == []
