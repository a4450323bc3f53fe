"""The tools of every host: arithmetic and the clock."""

import pytest

from posewire.errors import ToolError
from posewire.voice.tools.base import ToolContext
from posewire.voice.tools.builtin import BUILTIN, calculate, get_time
from posewire.voice.tools.functions import FunctionExecutor

CONTEXT = ToolContext(device="kitchen")


@pytest.mark.parametrize(
    ("expression", "result"),
    [("(3 + 4) * 2", "14"), ("2^10", "1024"), ("10/4", "2.5"), ("round(sqrt(2)*100)", "141"), ("-7 % 3", "2")],
)
def test_the_calculator_calculates(expression: str, result: str) -> None:
    assert calculate(expression) == result


@pytest.mark.parametrize(
    "expression",
    [
        "",
        "1/0",
        "9**9**9",
        "__import__('os')",
        "(1).real",
        "2**1001**2",
        "a",
        "sqrt(-1)",
        "(-8)**0.5",
        "1 if 1 else 2",
        "(",
    ],
)
def test_the_calculator_refuses_the_rest(expression: str) -> None:
    with pytest.raises(ToolError):
        calculate(expression)


def test_the_clock_knows_zones() -> None:
    assert "UTC" in get_time("UTC")
    for zone in ("Nowhere/Land", "../../etc/passwd"):
        with pytest.raises(ToolError, match="no time zone"):
            get_time(zone)
    assert FunctionExecutor(BUILTIN).available()["get_time"].schema["required"] == []
