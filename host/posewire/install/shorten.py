"""Short private names for boards with little memory: each name that a program has is kept there, by its letters.

A name that begins with an underscore means something in its own module only (and where a class is derived from), so the
same short one can stand for a different name in each: some seventy names do the work of three hundred. Arguments that
are never given by name are renamed as well. What the program does is the same.
"""

import ast
import itertools
from collections.abc import Iterator, Mapping
from pathlib import Path

from posewire.errors import InstallError

_BUILT_IN = {"_", "__"}
# Programs of users may give these their arguments by name.
_CALLED_BY_USERS = {"app", "board", "led", "pose_receiver", "servo", "tools", "websocket_client"}


def shorten(sources: Mapping[Path, str]) -> dict[Path, str]:
    """The source of each file with short private names; all files of a program must be given at once.

    Raises:
        InstallError: a file that is not Python.
    """
    trees: dict[Path, ast.Module] = {}
    for path, text in sources.items():
        try:
            trees[path] = ast.parse(text)
        except SyntaxError as error:
            raise InstallError(f"{path.name}, line {error.lineno}: {error.msg}") from None
    short = _private_names(trees)
    keywords = {word.arg for tree in trees.values() for word in _nodes(tree, ast.keyword)}
    result = {}
    for path, tree in trees.items():
        _Private(short).visit(tree)
        if path.stem not in _CALLED_BY_USERS:
            for function in _nodes(tree, ast.FunctionDef, ast.AsyncFunctionDef):
                _shorten_arguments(function, keywords)
        result[path] = ast.unparse(tree)
    return result


def _nodes(tree: ast.AST, *kinds: type) -> Iterator:  # type: ignore[type-arg]
    return (node for node in ast.walk(tree) if isinstance(node, kinds))


def _is_private(name: str | None) -> bool:
    return name is not None and name.startswith("_") and not name.startswith("__") and name not in _BUILT_IN


def _names(tree: ast.AST) -> Iterator[str]:
    """All identifiers that could be private."""
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name) | ast.Attribute(attr=name) | ast.arg(arg=name):
                yield name
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.alias(name=name, asname=other):
                yield other or name
            case ast.Global(names=names) | ast.Nonlocal(names=names):
                yield from names


def _private_names(trees: Mapping[Path, ast.Module]) -> dict[str, str]:
    """The short name of each private one: two that appear in one module, or in two that share a class, differ."""
    kept = _BUILT_IN | {"_version"}
    where: dict[str, set[str]] = {}
    joined = _joined(trees)
    for path, tree in trees.items():
        # What is looked up by a text keeps its name: getattr(self, "_" + action), drop_functions(module, "_relay").
        texts = [node.value for node in _nodes(tree, ast.Constant) if isinstance(node.value, str)]
        kept |= {text for text in texts if _is_private(text)}
        kept |= set(_constants(tree))
        looked_up = "_" in texts
        for name in _names(tree):
            if not _is_private(name):
                continue
            where.setdefault(name, set()).add(joined[path.stem])
            if looked_up:
                kept.add(name)
    taken: dict[str, set[str]] = {}
    short: dict[str, str] = {}
    for name in sorted(where, key=lambda name: (-len(where[name]), name)):
        if name in kept:
            continue
        for candidate in _candidates():
            places = taken.setdefault(candidate, set())
            if candidate not in where and not places & where[name]:
                places |= where[name]
                short[name] = candidate
                break
    return short


def _constants(tree: ast.Module) -> Iterator[str]:
    """Constants of the module: the compiler puts their values in their place."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
            called = node.value.func
            if isinstance(called, ast.Name) and called.id == "const" and isinstance(node.targets[0], ast.Name):
                yield node.targets[0].id


def _candidates() -> Iterator[str]:
    letters = "abcdefghijklmnopqrstuvwxyz"
    for size in (1, 2):
        for letter in itertools.product(letters, repeat=size):
            yield "_" + "".join(letter)


def _joined(trees: Mapping[Path, ast.Module]) -> dict[str, str]:
    """Each module's group: modules whose classes are derived from one another are in one."""
    group = {path.stem: path.stem for path in trees}
    owner = {node.name: path.stem for path, tree in trees.items() for node in _nodes(tree, ast.ClassDef)}
    for path, tree in trees.items():
        for node in _nodes(tree, ast.ClassDef):
            for base in node.bases:
                name = base.id if isinstance(base, ast.Name) else base.attr if isinstance(base, ast.Attribute) else ""
                if name in owner:
                    old, new = group[path.stem], group[owner[name]]
                    group = {module: new if other == old else other for module, other in group.items()}
    return group


class _Private(ast.NodeTransformer):
    def __init__(self, short: Mapping[str, str]) -> None:
        self._short = short

    def _new(self, name: str) -> str:
        return self._short.get(name, name)

    def visit_Name(self, node: ast.Name) -> ast.AST:
        node.id = self._new(node.id)
        return node

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        node.attr = self._new(node.attr)
        return self.generic_visit(node)

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.arg = self._new(node.arg)
        return self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        node.name = self._new(node.name)
        return self.generic_visit(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        node.name = self._new(node.name)
        return self.generic_visit(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        node.name = self._new(node.name)
        return self.generic_visit(node)

    def visit_alias(self, node: ast.alias) -> ast.AST:
        node.name = self._new(node.name)
        if node.asname is not None:
            node.asname = self._new(node.asname)
        return node

    def visit_Global(self, node: ast.Global) -> ast.AST:
        node.names = [self._new(name) for name in node.names]
        return node


def _shorten_arguments(function: ast.FunctionDef | ast.AsyncFunctionDef, keywords: set[str | None]) -> None:
    inner = [
        node for node in _nodes(function, ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda) if node is not function
    ]
    if inner:
        return  # a name may mean something else inside
    used = set(_names(function))
    places = function.args.args
    renamed: dict[str, str] = {}
    free = (name for name in _candidates() if name not in used)
    for place in places:
        if place.arg not in ("self", "cls") and place.arg not in keywords and len(place.arg) > 1:
            renamed[place.arg] = next(free)
    for node in ast.walk(function):
        if isinstance(node, ast.Name) and node.id in renamed:
            node.id = renamed[node.id]
        elif isinstance(node, ast.arg) and node.arg in renamed:
            node.arg = renamed[node.arg]
