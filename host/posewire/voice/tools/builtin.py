"""Tools of every host: the clock and arithmetic, in which language models are weak."""

import ast
import math
import operator
from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Annotated, Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from posewire.errors import ToolError
from posewire.voice.tools.functions import tool

_MAX_EXPRESSION = 200
_MAX_DIGITS = 1000

_BINARY: Mapping[type[ast.operator], Callable[[Any, Any], Any]] = {
    ast.Add: operator.add,
    ast.Sub: operator.sub,
    ast.Mult: operator.mul,
    ast.Div: operator.truediv,
    ast.FloorDiv: operator.floordiv,
    ast.Mod: operator.mod,
}
_FUNCTIONS: Mapping[str, Callable[..., Any]] = {
    "sqrt": math.sqrt,
    "sin": math.sin,
    "cos": math.cos,
    "tan": math.tan,
    "log": math.log,
    "log10": math.log10,
    "exp": math.exp,
    "abs": abs,
    "round": round,
    "floor": math.floor,
    "ceil": math.ceil,
    "min": min,
    "max": max,
}
_NAMES = {"pi": math.pi, "e": math.e}


@tool()
def get_time(zone: Annotated[str, "IANA time zone such as Europe/Berlin; leave out for local time"] = "") -> str:
    """Tell the date, the day of the week and the time."""
    try:
        now = datetime.now(ZoneInfo(zone)) if zone else datetime.now().astimezone()
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise ToolError(f"there is no time zone {zone}") from None
    return now.strftime("%A, %d %B %Y, %H:%M (%Z)")


@tool()
def calculate(expression: Annotated[str, "for example (3 + 4) * 2, 2**10, sqrt(2), 15 % 4"]) -> str:
    """Work out an arithmetic expression."""
    if len(expression) > _MAX_EXPRESSION:
        raise ToolError(f"the expression must have at most {_MAX_EXPRESSION} characters")
    try:
        value = _value(ast.parse(expression.replace("^", "**").strip(), mode="eval").body)
        return f"{value:.12g}" if isinstance(value, float) else str(value)
    except ZeroDivisionError:
        raise ToolError("that divides by zero") from None
    except (SyntaxError, ValueError, TypeError, OverflowError, RecursionError, MemoryError) as exc:
        raise ToolError(f"that is not an expression I can work out: {exc}") from None


BUILTIN: list[Callable[..., Any]] = [get_time, calculate]


def _value(node: ast.expr) -> Any:
    """Evaluate one node. Whole numbers stay below a thousand digits, so that no expression takes long."""
    match node:
        case ast.Constant(value=int() | float() as number) if not isinstance(number, bool):
            return number
        case ast.Name(id=name) if name in _NAMES:
            return _NAMES[name]
        case ast.UnaryOp(op=ast.USub(), operand=inner):
            return -_value(inner)
        case ast.UnaryOp(op=ast.UAdd(), operand=inner):
            return _value(inner)
        case ast.BinOp(left=left, op=ast.Pow(), right=right):
            base, power = _value(left), _value(right)
            if isinstance(base, int) and isinstance(power, int) and len(str(base)) * abs(power) > _MAX_DIGITS:
                raise ValueError("the power is too large")
            return _bounded(base**power)
        case ast.BinOp(left=left, op=sign, right=right) if type(sign) in _BINARY:
            return _bounded(_BINARY[type(sign)](_value(left), _value(right)))
        case ast.Call(func=ast.Name(id=name), args=arguments, keywords=[]) if name in _FUNCTIONS:
            return _FUNCTIONS[name](*(_value(argument) for argument in arguments))
    raise ValueError(f"{ast.unparse(node)} is not arithmetic")


def _bounded(value: Any) -> Any:
    if isinstance(value, complex):
        raise ValueError("the result is not a real number")  # noqa: TRY004 - the value is wrong, not the program
    if isinstance(value, int) and abs(value) > 10**_MAX_DIGITS:
        raise ValueError("the result has too many digits")
    return value
