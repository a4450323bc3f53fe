"""Names for boards with little memory: what a program calls its own things is replaced by names that the chip knows.

MicroPython keeps every name that its image does not know in the heap: the firmware's take 20 KB of an ESP32's. So a
name that nothing outside can see is replaced by one that is in the image anyway, for something else (chip_names.txt:
read from a stock image; where an image lacks one, it costs memory and nothing more). A private name means something
in its own module only, so one replacement serves many. What the program does is the same; only tracebacks look odd,
and ``original_names`` says what is meant.
"""

import ast
import functools
import itertools
from collections.abc import Iterable, Iterator, Mapping
from importlib.resources import files
from pathlib import Path

from posewire.errors import InstallError
from posewire.install.compact.merge import PACKAGE, merge

# Its names are used by files that are not compiled, and at the REPL.
_KEPT_MODULES = {"posewire_slots"}
# Programs of users may give these their arguments by name.
_CALLED_BY_USERS = {"app", "board", "led", "pose_receiver", "servo", "tools", "websocket_client"}
_Functions = ast.FunctionDef | ast.AsyncFunctionDef


def shorten(sources: Mapping[Path, str]) -> Mapping[Path, str]:
    """The source of each file, modules merged and names replaced; all files of a program must be given at once.

    It takes more than a second, so what the last two programs became is kept: boards of two profiles are common.

    Raises:
        InstallError: a file that is not Python.
    """
    return _shortened(tuple(sources.items()))


@functools.lru_cache(2)
def _shortened(sources: tuple[tuple[Path, str], ...]) -> Mapping[Path, str]:
    trees = _merged(_parse(dict(sources)))
    rename = _Rename(_replacements(trees))
    # An argument that a text names may be given by name: fn(**arguments).
    keywords = _keywords(trees.values()).union(*(_texts(tree) for tree in trees.values()))
    result = {}
    for path, tree in trees.items():
        if path.stem not in _CALLED_BY_USERS:
            for function in _functions(tree):
                _rename_arguments(function, keywords, rename.spare)
        rename.visit(tree)
        result[path] = ast.unparse(tree)
    return result


def original_names(sources: Mapping[Path, str]) -> dict[tuple[str, str], str]:
    """(module, replaced name) to what it is called in the source: for tracebacks. Raises InstallError."""
    trees = _merged(_parse(sources))
    names = _replacements(trees)
    return {(path.stem, names[name]): name for path, tree in trees.items() for name in _names(tree) if name in names}


def _parse(sources: Mapping[Path, str]) -> dict[Path, ast.Module]:
    trees: dict[Path, ast.Module] = {}
    for path, text in sources.items():
        try:
            trees[path] = ast.parse(text)
        except SyntaxError as error:
            raise InstallError(f"{path.name}, line {error.lineno}: {error.msg}") from None
    return trees


def _merged(trees: Mapping[Path, ast.Module]) -> dict[Path, ast.Module]:
    package = {path.stem: tree for path, tree in trees.items() if path.parent.name == PACKAGE}
    folder = next(path.parent for path in trees if path.parent.name == PACKAGE)
    result = {path: tree for path, tree in trees.items() if path.parent.name != PACKAGE}
    result.update((folder / f"{name}.py", tree) for name, tree in merge(package).items())
    return result


def _functions(tree: ast.AST) -> Iterator[_Functions]:
    return (node for node in ast.walk(tree) if isinstance(node, _Functions))


def _keywords(trees: Iterable[ast.Module]) -> set[str]:
    return {node.arg for tree in trees for node in ast.walk(tree) if isinstance(node, ast.keyword) and node.arg}


def _names(tree: ast.AST) -> Iterator[str]:
    """All identifiers."""
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


def _defined(tree: ast.AST) -> Iterator[str]:
    """The names that a program itself gives: functions, classes, arguments, and everything that is assigned to."""
    for node in ast.walk(tree):
        match node:
            case ast.Name(id=name, ctx=ast.Store()) | ast.Attribute(attr=name, ctx=ast.Store()) | ast.arg(arg=name):
                yield name
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name


def _constants(tree: ast.Module) -> Iterator[str]:
    """Constants of the module that begin with an underscore: the compiler puts their values in their place."""
    for node in tree.body:
        if isinstance(node, ast.Assign) and isinstance(node.value, ast.Call):
            called, target = node.value.func, node.targets[0]
            is_constant = isinstance(called, ast.Name) and called.id == "const"
            if is_constant and isinstance(target, ast.Name) and target.id.startswith("_"):
                yield target.id


def _texts(tree: ast.AST) -> set[str]:
    return {node.value for node in ast.walk(tree) if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def _listed(file: str) -> list[str]:
    return files("posewire.install.compact").joinpath(file).read_text("utf-8").split()


def _replacements(trees: Mapping[Path, ast.Module]) -> dict[str, str]:
    """The replacement of each name that can be replaced."""
    known = _listed("chip_names.txt")
    # kept_names.txt: what programs of users may use; image_words.txt: what may be an attribute of a built-in object.
    kept = (
        set(known)
        | set(_listed("image_words.txt"))
        | set(_listed("kept_names.txt"))
        | {path.stem for path in trees}
        | _keywords(trees.values())
    )
    where: dict[str, set[str]] = {}
    joined = _joined(trees)
    defined: set[str] = set()
    texts: set[str] = set()
    for path, tree in trees.items():
        defined |= set(_defined(tree))
        # What is looked up by a text keeps its name: getattr(self, "_" + action), drop_functions(module, "_relay").
        here = _texts(tree)
        texts |= here
        kept |= set(_constants(tree))
        if path.stem in _KEPT_MODULES:
            kept |= set(_names(tree))
        for name, place in _places(tree, path.stem, joined):
            where.setdefault(name, set()).add(place)
            if "_" in here and name.startswith("_"):
                kept.add(name)
    kept |= texts | {name for name in where if name.startswith("__") or len(name) < 2}
    # Most used first: a private one may share its replacement with others, a public one may not.
    names = sorted((name for name in defined - kept if name in where), key=lambda name: (-len(where[name]), name))
    private = [name for name in names if name.startswith("_")]
    public = [name for name in names if not name.startswith("_")]
    spare = [name for name in known if name not in where and name not in texts and name[0] != "_"]
    spare = sorted(spare, key=lambda name: (len(name), name))
    result: dict[str, str] = {}
    taken: dict[str, set[str]] = {}
    candidates = spare[: len(spare) // 3]
    for name in private:
        for candidate in candidates:
            places = taken.setdefault(candidate, set())
            if not places & where[name]:
                places |= where[name]
                result[name] = candidate
                break
    free = iter([name for name in spare if name not in taken])
    result.update(zip(public, free, strict=False))
    return result


def _places(tree: ast.Module, module: str, joined: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Each identifier with where it means something: in a class, or in the module."""

    def walk(node: ast.AST, owner: str) -> Iterator[tuple[str, str]]:
        if isinstance(node, ast.ClassDef):
            yield node.name, module
            for child in (*node.bases, *node.body):
                yield from walk(child, joined[node.name])
            return
        match node:
            case ast.Attribute(value=ast.Name(id="self"), attr=name):
                yield name, owner
                return
            case ast.Attribute(attr=name):
                # Somebody else's: it may be of any class that there is.
                yield name, owner
                yield from ((name, place) for place in set(joined.values()))
            case ast.Name(id=name) | ast.arg(arg=name):
                yield name, module
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name):
                yield name, owner
            case ast.alias(name=name, asname=other):
                yield other or name, module
            case ast.Global(names=names):
                yield from ((name, module) for name in names)
        for child in ast.iter_child_nodes(node):
            yield from walk(child, owner)

    yield from walk(tree, module)


def _joined(trees: Mapping[Path, ast.Module]) -> dict[str, str]:
    """Each class's group: classes that are derived from one another are in one."""
    classes = [node for tree in trees.values() for node in ast.walk(tree) if isinstance(node, ast.ClassDef)]
    group = {node.name: f"class {node.name}" for node in classes}
    for node in classes:
        for base in node.bases:
            name = base.id if isinstance(base, ast.Name) else base.attr if isinstance(base, ast.Attribute) else ""
            if name in group:
                old, new = group[node.name], group[name]
                group = {other: new if place == old else place for other, place in group.items()}
    return group


class _Rename(ast.NodeTransformer):
    def __init__(self, names: Mapping[str, str]) -> None:
        self._names = names
        # For arguments: names that nothing in the program has.
        self.spare = ["_" + "".join(letters) for letters in itertools.product("abcdefgh", repeat=1)]

    def _new(self, name: str) -> str:
        return self._names.get(name, name)

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

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> ast.AST:
        if node.name is not None:
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


def _rename_arguments(function: _Functions, keywords: set[str], spare: list[str]) -> None:
    """Call the arguments of a function what those of all others are called, where nobody gives them by name."""
    inner = (node for node in ast.walk(function) if isinstance(node, _Functions | ast.Lambda))
    if any(node is not function for node in inner):
        return  # a name may mean something else inside
    used = set(_names(function))
    free = (name for name in spare if name not in used)
    renamed: dict[str, str] = {}
    for place in function.args.args:
        if place.arg not in ("self", "cls") and place.arg not in keywords and len(place.arg) > 1:
            new = next(free, None)
            if new is not None:
                renamed[place.arg] = new
    for node in ast.walk(function):
        if isinstance(node, ast.Name) and node.id in renamed:
            node.id = renamed[node.id]
        elif isinstance(node, ast.arg) and node.arg in renamed:
            node.arg = renamed[node.arg]
