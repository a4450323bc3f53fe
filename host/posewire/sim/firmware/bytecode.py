"""Copies MicroPython files for an interpreter that has no compiler for this processor, as on 64-bit ARM.

There ``@micropython.viper`` is a syntax error. The copies have each such decorator replaced in its own line, so that
line numbers stay; ``sim/micropython/simviper.py`` is what the replacement calls. Nothing else is changed.
"""

import ast
from pathlib import Path

_POINTERS = ("ptr8", "ptr16", "ptr32", "uint")


def copy_as_bytecode(source: Path, target: Path) -> Path:
    """Copy all .py files of a folder tree; returns ``target``."""
    for path in source.rglob("*.py"):
        copy = target / path.relative_to(source)
        copy.parent.mkdir(parents=True, exist_ok=True)
        copy.write_text(without_machine_code(path.read_text("utf-8")), "utf-8")
    return target


def without_machine_code(text: str) -> str:
    """Replace the viper and native decorators of one file, and int() in viper functions, which also takes pointers."""
    lines = text.encode().splitlines(keepends=True)
    for function in ast.walk(ast.parse(text)):
        if not isinstance(function, ast.FunctionDef | ast.AsyncFunctionDef):
            continue
        for decorator in function.decorator_list:
            indent = b" " * (decorator.col_offset - 1)
            if ast.unparse(decorator) == "micropython.native":
                lines[decorator.lineno - 1] = b"\n"
            elif ast.unparse(decorator) == "micropython.viper":
                lines[decorator.lineno - 1] = indent + _cast(function).encode() + b"\n"
                _replace_int(function, lines)
    return b"".join(lines).decode()


def _cast(function: ast.FunctionDef | ast.AsyncFunctionDef) -> str:
    kinds = [ast.unparse(argument.annotation) if argument.annotation else "" for argument in function.args.args]
    return f"@viper_cast({', '.join(repr(kind if kind in _POINTERS else '') for kind in kinds)})"


def _replace_int(function: ast.FunctionDef | ast.AsyncFunctionDef, lines: list[bytes]) -> None:
    calls = [node.func for node in ast.walk(function) if isinstance(node, ast.Call)]
    names = [name for name in calls if isinstance(name, ast.Name) and name.id == "int"]
    # From the right, so that the places of those still to come stay right.
    for name in sorted(names, key=lambda name: name.col_offset, reverse=True):
        line = lines[name.lineno - 1]
        lines[name.lineno - 1] = line[: name.col_offset] + b"viper_" + line[name.col_offset :]
