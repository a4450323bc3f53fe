"""Numbers that MicroPython on a chip cannot bear.

Above 30 bits and a sign a number would be an object on the heap. And in viper a constant index of 256 or more is wrong
machine code on Xtensa, where the pointer is not among a function's first three locals.
"""

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


INDEX_LIMIT = 256
HAVE_VIPER = [source for source in SOURCES if "@micropython.viper" in source.read_text("utf-8")]


def module_constants(tree: ast.Module) -> dict[str, int]:
    """The numbers that a module makes with const()."""
    found: dict[str, int] = {}
    for node in tree.body:
        match node:
            case ast.Assign(targets=[ast.Name(id=name)], value=ast.Call(func=ast.Name(id="const"), args=[value])):
                number = eval(ast.unparse(value), {}, dict(found))  # noqa: S307
                if isinstance(number, int):
                    found[name] = number
    return found


def far_indexes(tree: ast.Module) -> list[str]:
    """The places where a viper function indexes by a constant that is too large."""
    known = module_constants(tree)
    found = []
    for function in ast.walk(tree):
        if not isinstance(function, ast.FunctionDef):
            continue
        if "micropython.viper" not in [ast.unparse(decorator) for decorator in function.decorator_list]:
            continue
        for node in ast.walk(function):
            if isinstance(node, ast.Subscript):
                try:
                    index = eval(ast.unparse(node.slice), {"__builtins__": {}}, dict(known))  # noqa: S307
                except NameError:
                    continue  # not a constant
                if isinstance(index, int) and not 0 <= index < INDEX_LIMIT:
                    found.append(f"{function.name}: {ast.unparse(node)}")
    return found


@pytest.mark.parametrize("source", HAVE_VIPER, ids=lambda path: path.stem)
def test_no_pointer_is_indexed_by_a_large_constant(source: Path) -> None:
    assert far_indexes(ast.parse(source.read_text("utf-8"))) == []


def test_a_large_index_is_found() -> None:
    text = "_A = const(250)\n_B = const(_A + 6)\n@micropython.viper\ndef f(w: ptr32, i: int):\n"
    text += "    w[_B] = w[255] + w[_A + 5] + w[i + 300] + w[_A * 2]\n    return w[-1]\n"
    assert sorted(far_indexes(ast.parse(text))) == ["f: w[-1]", "f: w[_A * 2]", "f: w[_B]"]
