"""No number in the firmware is an object on the heap of a 32-bit chip: above 30 bits and a sign it would be one."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest
from test_fw_compiled import FIRMWARE

SMALL = 1 << 30
SOURCES = sorted([*FIRMWARE.glob("*.py"), *(FIRMWARE / "posewire_fw").glob("*.py")])


def constants(tree: ast.AST) -> Iterator[int]:
    """The whole numbers of a module, also those that the compiler makes of others."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Constant | ast.BinOp | ast.UnaryOp):
            try:
                value = eval(compile(ast.Expression(node), "", "eval"), {"__builtins__": {}})  # noqa: S307
            except Exception:  # noqa: BLE001, S112
                continue
            if isinstance(value, int) and not isinstance(value, bool):
                yield value


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: path.stem)
def test_every_number_is_a_small_one(source: Path) -> None:
    large = [value for value in constants(ast.parse(source.read_text("utf-8"))) if not -SMALL <= value < SMALL]
    assert large == []


def test_a_large_number_is_found() -> None:
    tree = ast.parse("A = 0x3FFFFFFF\nB = 0xEDB88320 ^ A\nC = 1 << 30\n")
    assert {value for value in constants(tree) if value >= SMALL} == {0xEDB88320, 1 << 30}
