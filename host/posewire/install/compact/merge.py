"""Modules that a small board always has, put into one: each module costs 250 bytes of memory and a search of the flash.

A name of the module log becomes log__name in the merged one, and its importers are changed accordingly. What is not
merged stays a module of its own, among it what is loaded, used and unloaded; programs of users find what they may use
under the old name, in a small module that passes it on.
"""

import ast
from collections.abc import Iterator, Mapping
from typing import Final

from posewire.errors import InstallError

PACKAGE: Final = "posewire_fw"
# In an order in which each comes after what it imports at its top.
MERGED: Final[Mapping[str, tuple[str, ...]]] = {
    "core": (
        "memory",
        "unload",
        "clock",
        "log",
        "events",
        "frames",
        "memcopy",
        "mask",
        "utf8",
        "websocket",
        "link",
        "uplink",
        "wifi",
        "tools",
        "session",
        "updates",
        "telemetry",
        "connection",
        "supervisor",
        "console",
        "button",
        "app",
    ),
    "pose": ("pose_core", "pose_pack", "pose_stream", "pose_queue"),
    "keypoint_reader": ("crc16", "keypoints"),
    "imu_reader": ("imu_bias", "imu"),
    "audio": ("adpcm", "pcm", "ring", "mic", "speaker"),
    "opus": ("opus_range", "opus_mdct", "opus_bands", "opus_encoder"),
}
# What programs of users import by the old name.
_PASSED_ON: Final = {
    "app": ("on", "snapshot", "current"),
    "tools": ("integer", "string", "boolean", "ParameterError"),
    "log": ("debug", "info", "warning", "error", "exception"),
    "events": ("board",),
}


def merge(trees: Mapping[str, ast.Module]) -> dict[str, ast.Module]:
    """The modules of a program by name, some of them merged.

    Raises:
        InstallError: a module uses a name in a way that cannot be merged.
    """
    home = {module: into for into, modules in MERGED.items() for module in modules if module in trees}
    outside = set(_used_outside(trees, home))
    keywords = {node.arg for tree in trees.values() for node in ast.walk(tree) if isinstance(node, ast.keyword)}
    tops = {module: _new_names(module, trees[module], outside) for module in home}
    for module, names in tops.items():
        arguments = {node.arg for node in ast.walk(trees[module]) if isinstance(node, ast.arg)}
        if clash := arguments & set(names) & keywords:
            raise InstallError(f"{module}: {', '.join(sorted(clash))} is an argument given by name, and a global name")
    result: dict[str, ast.Module] = {}
    for name, tree in trees.items():
        if name not in home:
            result[name] = _Importer(name, home, tops).visit(tree)
    for into, modules in MERGED.items():
        body: list[ast.stmt] = []
        for module in modules:
            if module in home:
                body += _Importer(module, home, tops).visit(trees[module]).body
        if body:
            result[into] = ast.Module(_imports_first(body), [])
    for module, passed_on in _PASSED_ON.items():
        if module in home:
            aliases = [ast.alias(tops[module][name], name) for name in passed_on if name in tops[module]]
            result[module] = ast.Module([ast.ImportFrom(f"{PACKAGE}.{home[module]}", aliases, 0)], [])
    return {name: ast.fix_missing_locations(tree) for name, tree in result.items()}


def _new_names(module: str, tree: ast.Module, outside: set[tuple[str, str]]) -> dict[str, str]:
    """The new names of a module's top level. Constants that nobody else uses get an underscore: they take no memory."""
    constants = {
        statement.targets[0].id
        for statement in tree.body
        if isinstance(statement, ast.Assign)
        and isinstance(statement.targets[0], ast.Name)
        and isinstance(statement.value, ast.Call)
        and isinstance(statement.value.func, ast.Name)
        and statement.value.func.id == "const"
    }
    return {
        name: ("_" if name.startswith("_") or (name in constants and (module, name) not in outside) else "")
        + f"{module}__{name}"
        for name in _top_names(tree)
    }


def _used_outside(trees: Mapping[str, ast.Module], home: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """(module, name) of what another module takes of a merged one that is not merged into the same."""
    for module, names in _PASSED_ON.items():
        yield from ((module, name) for name in names)
    for user, tree in trees.items():
        aliases: dict[str, str] = {}
        for node in ast.walk(tree):
            if isinstance(node, ast.ImportFrom) and node.module and node.module.startswith(PACKAGE):
                for alias in node.names:
                    if node.module == PACKAGE:
                        aliases[alias.asname or alias.name] = alias.name
                    else:
                        owner = node.module.rpartition(".")[2]
                        if home.get(user) != home.get(owner):
                            yield owner, alias.name
        for node in ast.walk(tree):
            if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id in aliases:
                owner = aliases[node.value.id]
                if home.get(user) != home.get(owner):
                    yield owner, node.attr


def _top_names(tree: ast.Module) -> Iterator[str]:
    """The names that a module itself defines at its top."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Global):
            yield from node.names
    for statement in _flat(tree.body):
        match statement:
            case ast.FunctionDef(name=name) | ast.AsyncFunctionDef(name=name) | ast.ClassDef(name=name):
                yield name
            case ast.Assign() | ast.AnnAssign() | ast.AugAssign() | ast.For():
                for node in ast.walk(statement):
                    if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
                        yield node.id


def _flat(body: list[ast.stmt]) -> Iterator[ast.stmt]:
    for statement in body:
        yield statement
        if isinstance(statement, ast.Try):
            yield from _flat(statement.body)
            for handler in statement.handlers:
                yield from _flat(handler.body)


def _imports_first(body: list[ast.stmt]) -> list[ast.stmt]:
    """The same without documentation, and with each import once."""
    seen: set[str] = set()
    result: list[ast.stmt] = []
    for statement in body:
        if isinstance(statement, ast.Expr) and isinstance(statement.value, ast.Constant):
            continue
        if isinstance(statement, ast.Import | ast.ImportFrom):
            text = ast.unparse(statement)
            if text in seen:
                continue
            seen.add(text)
        result.append(statement)
    return result


class _Importer(ast.NodeTransformer):
    """Changes one module: its own top names where it is merged, and what it imports of merged ones."""

    def __init__(self, module: str, home: Mapping[str, str], tops: Mapping[str, Mapping[str, str]]) -> None:
        self._module = module
        self._home = home
        self._tops = tops
        self._into = home.get(module)
        # Names of this module that stand for a merged module, and for something in one.
        self._modules: dict[str, str] = {}
        self._names = dict(tops.get(module, {}))
        # Merged modules that this one imports at its top: an import in a function would hide them in all of it.
        self._at_top: set[str] = set()
        self._depth = 0

    def visit_Module(self, node: ast.Module) -> ast.Module:
        for item in ast.walk(node):
            if isinstance(item, ast.ImportFrom) and item.module and item.module.startswith(PACKAGE):
                self._note(item)
        for item in _flat(node.body):
            if isinstance(item, ast.ImportFrom) and item.module == PACKAGE:
                self._at_top |= {self._home[alias.name] for alias in item.names if alias.name in self._home}
        arguments = {item.arg for item in ast.walk(node) if isinstance(item, ast.arg)}
        names = (item for item in ast.walk(node) if isinstance(item, ast.Name))
        arguments |= {item.id for item in names if isinstance(item.ctx, ast.Store)}
        for name in arguments & set(self._modules):
            raise InstallError(f"{self._module}: {name} is a module, and something else besides")
        self.generic_visit(node)
        return node

    def _note(self, item: ast.ImportFrom) -> None:
        for alias in item.names:
            name = alias.asname or alias.name
            if item.module == PACKAGE and alias.name in self._home:
                self._modules[name] = alias.name
            elif item.module != PACKAGE:
                owner = str(item.module).rpartition(".")[2]
                if owner in self._home and self._home[owner] == self._into:
                    self._names[name] = self._tops[owner][alias.name]

    def visit_ImportFrom(self, node: ast.ImportFrom) -> list[ast.stmt]:
        if not (node.module and node.module.startswith(PACKAGE)):
            return [node]
        result: list[ast.stmt] = []
        if node.module == PACKAGE:
            kept = [alias for alias in node.names if alias.name not in self._home]
            if kept:
                result.append(ast.ImportFrom(PACKAGE, kept, 0))
            wanted = {self._home[alias.name] for alias in node.names if alias.name in self._home} - {self._into}
            if self._depth:
                wanted -= self._at_top
            result += [ast.ImportFrom(PACKAGE, [ast.alias(into)], 0) for into in sorted(wanted)]
        else:
            owner = node.module.rpartition(".")[2]
            if owner not in self._home:
                return [node]
            if self._home[owner] != self._into:
                new = self._tops[owner]
                names = [ast.alias(new[alias.name], alias.asname or alias.name) for alias in node.names]
                result.append(ast.ImportFrom(f"{PACKAGE}.{self._home[owner]}", names, 0))
        return result or [ast.Pass()]

    def visit_Import(self, node: ast.Import) -> ast.AST:
        for alias in node.names:
            if (alias.asname or alias.name) in self._names:
                alias.asname = self._names[alias.asname or alias.name]
        return node

    def visit_Attribute(self, node: ast.Attribute) -> ast.AST:
        base = node.value
        if isinstance(base, ast.Name) and base.id in self._modules:
            owner = self._modules[base.id]
            if node.attr not in self._tops[owner]:
                raise InstallError(f"{self._module}: {owner} has no {node.attr}")
            name = self._tops[owner][node.attr]
            if self._home[owner] == self._into:
                return ast.Name(name, node.ctx)
            return ast.Attribute(ast.Name(self._home[owner], ast.Load()), name, node.ctx)
        return self.generic_visit(node)

    def visit_Name(self, node: ast.Name) -> ast.AST:
        if node.id in self._modules:
            # As a value: the merged module.
            if self._home[self._modules[node.id]] == self._into:
                raise InstallError(f"{self._module}: the module {node.id} is used as a value")
            node.id = self._home[self._modules[node.id]]
        else:
            node.id = self._names.get(node.id, node.id)
        return node

    def visit_arg(self, node: ast.arg) -> ast.AST:
        node.arg = self._names.get(node.arg, node.arg)
        return self.generic_visit(node)

    def visit_Global(self, node: ast.Global) -> ast.AST:
        node.names = [self._names.get(name, name) for name in node.names]
        return node

    def visit_ExceptHandler(self, node: ast.ExceptHandler) -> ast.AST:
        return self.generic_visit(node)

    def visit_FunctionDef(self, node: ast.FunctionDef) -> ast.AST:
        return self._definition(node)

    def visit_AsyncFunctionDef(self, node: ast.AsyncFunctionDef) -> ast.AST:
        return self._definition(node)

    def visit_ClassDef(self, node: ast.ClassDef) -> ast.AST:
        # Methods and attributes of the class keep their names.
        node.name = self._names.get(node.name, node.name)
        node.bases = [self.visit(base) for base in node.bases]
        node.body = [self._member(item) for item in node.body]
        return node

    def _member(self, item: ast.stmt) -> ast.stmt:
        if isinstance(item, ast.FunctionDef | ast.AsyncFunctionDef):
            name = item.name
            self._definition(item)
            item.name = name
        elif isinstance(item, ast.Assign):
            item.value = self.visit(item.value)
        return item

    def _definition(self, node: ast.FunctionDef | ast.AsyncFunctionDef) -> ast.AST:
        node.name = self._names.get(node.name, node.name)
        self._depth += 1
        self.generic_visit(node)
        self._depth -= 1
        return node
