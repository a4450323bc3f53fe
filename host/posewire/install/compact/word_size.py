"""Leaves out of machine code what only 64-bit processors need.

There a load of 32 bits has no sign, so the firmware's functions write ``(value ^ sign_bit) - sign_bit``, with
``sign_bit = 1 << 31``. On a chip that changes nothing and costs memory for code.
"""

import ast

from posewire.errors import InstallError

_NAME = "sign_bit"
_MADE = f"{_NAME} << 31"
_WIDE = ("x64", "rv64imc")


def for_architecture(text: str, architecture: str) -> str:
    """Return a file's source as an architecture (mpy-cross -march) needs it. Raises InstallError."""
    if architecture in _WIDE or _MADE not in text:
        return text
    try:
        tree = ast.parse(text)
    except SyntaxError as error:
        raise InstallError(f"line {error.lineno}: {error.msg}") from None
    return ast.unparse(_WithoutSign().visit(tree))


def _is_sign(node: ast.AST) -> bool:
    return isinstance(node, ast.Name) and node.id == _NAME


class _WithoutSign(ast.NodeTransformer):
    def visit_BinOp(self, node: ast.BinOp) -> ast.AST:
        self.generic_visit(node)
        match node:
            case ast.BinOp(left=ast.BinOp(left=value, op=ast.BitXor(), right=flipped), op=ast.Sub(), right=taken) if (
                _is_sign(flipped) and _is_sign(taken)
            ):
                return value
        return node

    def visit_Assign(self, node: ast.Assign) -> ast.AST | None:
        self.generic_visit(node)
        return None if _is_sign(node.targets[0]) else node
