"""Code for 64-bit processors is left out where a chip has 32 bits, and nothing else is changed."""

import pytest

from posewire.errors import InstallError
from posewire.install.compact.word_size import for_architecture

SOURCE = """
def negative(w, i):
    sign_bit = 1
    sign_bit = sign_bit << 31
    x = (int(w[i]) ^ sign_bit) - sign_bit
    y = ((x ^ sign_bit) - sign_bit + 1) >> 1
    return x + y - (i ^ 3) - 3
"""


@pytest.mark.parametrize("architecture", ["xtensawin", "rv32imc", "xtensa", "x86"])
def test_signs_are_left_out_for_32_bits(architecture: str) -> None:
    text = for_architecture(SOURCE, architecture)
    assert "sign_bit" not in text
    found: dict[str, object] = {}
    exec(text, found)
    negative = found["negative"]
    assert callable(negative)
    assert negative([-5], 0) == -5 + (-5 + 1 >> 1) - 3 - 3


def test_wider_processors_keep_them() -> None:
    assert for_architecture(SOURCE, "x64") == SOURCE


def test_a_file_without_them_stays_as_it_is() -> None:
    text = "x = 1  # a comment\n"
    assert for_architecture(text, "xtensawin") == text


def test_a_file_that_is_not_python_is_named() -> None:
    with pytest.raises(InstallError, match="line 2"):
        for_architecture("sign_bit = sign_bit << 31\nsign = (", "xtensawin")
