"""Every ``posewire`` command in the pages is one that the program takes."""

import re
import shlex
from pathlib import Path

import pytest

from docs.pages import PAGES, ROOT, Block, blocks
from posewire.cli import COMMANDS, build_parser

_INLINE = re.compile(r"`(posewire [^`\n]+)`")
_STANDS_FOR_ARGUMENTS = ("…", "...")


def command_lines(block: Block) -> list[list[str]]:
    """Return the words of each ``posewire`` command in a block, without ``posewire`` itself."""
    lines = []
    for line in block.text.replace("\\\n", " ").splitlines():
        words = shlex.split(re.sub(r"\$\(.*?\)", "SHELL", line.split("   ")[0]), comments=True)
        names = [Path(word).name for word in words]
        if "posewire" in names:
            lines.append(words[names.index("posewire") + 1 :])
    return [words for words in lines if words]


_BLOCKS = [(str(block), words) for block in blocks("sh", "") for words in command_lines(block)]


@pytest.mark.parametrize(
    ("where", "words"), _BLOCKS, ids=[f"{where} {' '.join(words)[:40]}" for where, words in _BLOCKS]
)
def test_commands_in_blocks_are_accepted(where: str, words: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    words = [word for word in words if word not in _STANDS_FOR_ARGUMENTS]
    if words[-1].startswith("--") and words[-1] == "--token":
        words.append("TOKEN")
    try:
        build_parser(words).parse_args(words)
    except SystemExit as error:
        assert error.code == 0, f"{where}: {capsys.readouterr().err}"


def _inline() -> list[tuple[str, str]]:
    found = []
    for page in PAGES:
        for command in _INLINE.findall(re.sub(r"```.*?```", "", page.read_text(), flags=re.DOTALL)):
            found.append((page.relative_to(ROOT).as_posix(), command))
    return sorted(set(found))


def test_commands_in_the_text_exist_with_their_options() -> None:
    wrong = []
    for page, command in _inline():
        words = [word.strip(",;[]()") for word in command.split()[1:]]
        while words and words[0].startswith("--"):  # posewire --version
            words.pop(0)
        for names in _alternatives(words):
            name = next((name for name in (" ".join(names[:2]), names[0]) if name in COMMANDS), None)
            if name is None:
                if not any(known.startswith(f"{names[0]} ") for known in COMMANDS):
                    wrong.append((page, command))
                continue
            known = _options(name)
            options = [word.partition("=")[0] for word in names if re.fullmatch(r"--?[a-z][\w-]*(=.*)?", word)]
            wrong.extend((page, f"{command}: no {option}") for option in options if option not in known)
    assert wrong == []


def _alternatives(words: list[str]) -> list[list[str]]:
    """``bench pose | relay`` stands for two commands."""
    if not words:
        return []
    if "|" not in words:
        return [words]
    group, rest = words[0], [word for word in words[1:] if word != "|"]
    return [[group, word] for word in rest]


def _options(name: str) -> set[str]:
    """Return all options of a command, those of its subcommands too."""
    parser = build_parser(name.split())
    for word in name.split():
        (action,) = [action for action in parser._actions if action.choices and action.nargs == "A..."]
        parser = action.choices[word]
    found: set[str] = set()
    waiting = [parser]
    while waiting:
        current = waiting.pop()
        for action in current._actions:
            found.update(action.option_strings)
            if action.nargs == "A..." and isinstance(action.choices, dict):
                waiting.extend(action.choices.values())
    return found
