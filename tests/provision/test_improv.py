"""The Improv packets: as the specification has them, whatever comes between, however it is cut."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from posewire.errors import WireError
from posewire.provision.improv import (
    Command,
    Decoder,
    Packet,
    PacketType,
    build_command,
    build_packet,
    build_strings,
    build_wifi_settings,
    parse_result,
    parse_strings,
)

strings = st.lists(st.text(max_size=60), max_size=4)
packets = st.builds(Packet, st.integers(0, 255), st.binary(max_size=255))


def test_the_specifications_example() -> None:
    packet = build_wifi_settings("MyWirelessAP", "mysecurepassword")
    data = bytes.fromhex("011e0c") + b"MyWirelessAP" + bytes.fromhex("10") + b"mysecurepassword"
    assert packet == b"IMPROV\x01\x03" + bytes([len(data)]) + data + packet[-2:-1] + b"\n"
    assert packet[-2] == sum(packet[:-2]) % 256


def test_known_bytes() -> None:
    assert build_command(Command.CURRENT_STATE).hex() == "494d50524f56" + "01" + "03" + "02" + "0200" + "e5" + "0a"


@given(st.lists(packets, max_size=5), st.integers(1, 40))
def test_packets_arrive_however_they_are_cut(sent: list[Packet], piece: int) -> None:
    stream = b"".join(build_packet(packet.type, packet.data) for packet in sent)
    decoder = Decoder()
    found = [item for at in range(0, len(stream), piece) for item in decoder.feed(stream[at : at + piece])]
    assert found == sent
    assert decoder.damaged == 0


@given(st.binary(max_size=400))
def test_no_bytes_break_the_decoder(noise: bytes) -> None:
    decoder = Decoder()
    decoder.feed(noise)
    # Whatever stood there claims at most one packet of the longest kind.
    decoder.feed(b"\n" * 300)
    packet = build_packet(PacketType.CURRENT_STATE, b"\x02")
    assert decoder.feed(packet)[-1] == Packet(1, b"\x02")


def test_log_lines_pass_by() -> None:
    decoder = Decoder()
    found = decoder.feed(b"    1.234 I app: hello\r\n" + build_packet(1, b"\x04") + b"half a li")
    assert found == ["    1.234 I app: hello", Packet(1, b"\x04")]
    assert decoder.feed(b"ne\n") == ["half a line"]


def test_a_damaged_packet_is_counted_and_the_next_one_read() -> None:
    broken = bytearray(build_packet(1, b"\x02"))
    broken[9] ^= 1
    decoder = Decoder()
    assert decoder.feed(bytes(broken) + build_packet(1, b"\x04"))[-1] == Packet(1, b"\x04")
    assert decoder.damaged == 1


@given(strings)
def test_strings_survive(texts: list[str]) -> None:
    assert list(parse_strings(build_strings(texts))) == texts


def test_what_is_too_long_is_refused() -> None:
    for ssid, password in (("", "x"), ("x" * 33, ""), ("x", "y" * 65)):
        with pytest.raises(WireError):
            build_wifi_settings(ssid, password)
    with pytest.raises(WireError):
        build_packet(1, bytes(256))
    for data in (b"", b"\x01", b"\x01\x02\x01", b"\x01\x02\x05a"):
        with pytest.raises(WireError):
            parse_result(data)
