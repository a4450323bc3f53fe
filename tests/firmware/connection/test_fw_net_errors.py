"""Errors of the network become words; the number stays, for those who look it up."""

import errno

from posewire_fw.net_errors import explain


def test_numbers_become_words():
    for number, word in (
        (errno.ECONNREFUSED, "running"),
        (errno.ECONNRESET, "broke"),
        (errno.ETIMEDOUT, "in time"),
        (116, "in time"),  # lwIP's
        (128, "no connection"),
        (-202, "name"),
        (-0x7280, "TLS"),
        (-0x2700, "certificate"),
    ):
        text = explain(OSError(number))
        assert word in text, text
        assert "Errno" not in text


def test_what_has_words_keeps_them():
    assert explain(OSError("no Wi-Fi")) == "no Wi-Fi"
    said = explain(OSError(errno.ETIMEDOUT, "time-out in connecting"))
    assert said == "time-out in connecting (error %d)" % errno.ETIMEDOUT
    assert "DNS" in explain(OSError("[addrinfo error -2]"))
    assert explain(OSError(9999)) == str(OSError(9999))
    assert explain(OSError()) == str(OSError())
