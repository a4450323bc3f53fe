"""A board's wiring as a drawing (SVG): the chip's pins at the left, the parts that they lead to at the right.

Only what the board's definition says is drawn, and what every part of that kind needs besides. The same definition
gives the same bytes.
"""

from dataclasses import dataclass
from html import escape

from posewire.boards.definition import BoardDefinition

_ROW, _GAP, _HEAD, _MARGIN = 22, 20, 26, 16
_CHIP_X, _CHIP_WIDTH, _PART_X, _PART_WIDTH = 16, 170, 380, 300
_WIDTH = _PART_X + _PART_WIDTH + 16
_COLORS = ("#2563eb", "#c2410c", "#15803d", "#7e22ce", "#b45309", "#0e7490", "#be185d", "#4d7c0f", "#475569")

_GROUND, _POWER = "GND", "3V3"


@dataclass(frozen=True)
class _Part:
    """A box at the right. ``wires``: from what of the chip (a pin's name, ``GND``, ``3V3``, ``5V``) to what of it."""

    title: str
    wires: tuple[tuple[str, str], ...]


def drawing(board: BoardDefinition) -> str:
    """Return the drawing of a board; empty if it has no pins."""
    parts = [part for part in _parts(board) if part.wires]
    if not parts:
        return ""
    height = _MARGIN + _HEAD + sum(_HEAD + _ROW * len(part.wires) + _GAP for part in parts)
    rows: list[str] = []
    y = _MARGIN + _HEAD
    for index, part in enumerate(parts):
        color = _COLORS[index % len(_COLORS)]
        tall = _HEAD + _ROW * len(part.wires)
        rows.append(_box(_PART_X, y, _PART_WIDTH, tall, color))
        rows.append(_text(_PART_X + 12, y + 18, part.title, "t"))
        for number, (origin, label) in enumerate(part.wires):
            at = y + _HEAD + number * _ROW + 8
            rows.append(_wire(at, color))
            rows.append(_text(_CHIP_X + _CHIP_WIDTH - 12, at + 4, _origin(board, origin), "e"))
            rows.append(_text(_PART_X + 12, at + 4, label, ""))
        y += tall + _GAP
    chip = _box(_CHIP_X, _MARGIN, _CHIP_WIDTH, height - 2 * _MARGIN, "#334155")
    title = f"Wiring of {board.board.title}"
    head = (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {_WIDTH} {height}" width="{_WIDTH}" height="{height}" '
        f'role="img" aria-label="{escape(title, quote=True)}">\n<title>{escape(title)}</title>\n'
        "<style>text{font:13px ui-sans-serif,system-ui,sans-serif;fill:#0f172a}.t{font-weight:600}"
        ".e{text-anchor:end}</style>\n"
        f'<rect width="{_WIDTH}" height="{height}" fill="#fff"/>\n'
    )
    name = _text(_CHIP_X + 12, _MARGIN + 20, board.chip.esptool, "t")
    return head + "\n".join([chip, name, *rows]) + "\n</svg>\n"


def _parts(board: BoardDefinition) -> list[_Part]:
    pins = _without(board.pins, "mic_", "spk_", "amplifier") if board.codec is not None else board.pins
    title = board.board.title
    mic = "Microphone INMP441" if "INMP441" in title else "Microphone (I2S)"
    amp = "Amplifier MAX98357A" if "MAX98357A" in title else "Amplifier (I2S)"
    kit = board.codec is None and "INMP441" in title
    named = [
        (*_codec(board), ()),
        (mic, _named(pins, mic_sck="SCK / BCLK", mic_ws="WS / LRCL", mic_sd="SD / DOUT"), _kit_mic(kit)),
        (amp, _named(pins, spk_sck="BCLK", spk_ws="LRC / LRCK", spk_sd="DIN", amplifier="SD / enable"), _kit_amp(kit)),
        (_sensor(board), _named(pins, i2c_scl="SCL", i2c_sda="SDA"), ((_POWER, "VCC"), (_GROUND, "GND"))),
        (
            "Camera co-processor (UART)",
            _named(pins, uart_tx="its RX", uart_rx="its TX"),
            ((_GROUND, "GND"),),
        ),
        ("Button", _named(pins, button="one side"), ((_GROUND, "the other side"),)),
        ("Volume buttons", _named(pins, volume_up="up", volume_down="down"), ((_GROUND, "the other sides"),)),
        (
            _led(board),
            _named(pins, led="data in" if "neopixel" in board.board.features else "anode, by a resistor"),
            (),
        ),
    ]
    parts = [_Part(name, wires + more) for name, wires, more in named if wires]
    known = {origin for part in parts for origin, _ in part.wires}
    others = tuple(
        (name, name.replace("_", " ")) for name in pins if name not in known and not name.startswith("codec_")
    )
    return [*parts, _Part("Others", others)]


def _codec(board: BoardDefinition) -> tuple[str, tuple[tuple[str, str], ...]]:
    """A codec is microphone and amplifier at once; its two directions may share their clocks."""
    if board.codec is None:
        return "", ()
    wires = _named(
        board.pins,
        mic_sck="SCLK",
        mic_ws="LRCK",
        mic_sd="data out (microphone)",
        spk_sck="SCLK (speaker)",
        spk_ws="LRCK (speaker)",
        spk_sd="data in (speaker)",
        codec_scl="I2C clock",
        codec_sda="I2C data",
        amplifier="amplifier on",
    )
    shared = {f"spk_{name}" for name in ("sck", "ws") if board.pins.get(f"spk_{name}") == board.pins.get(f"mic_{name}")}
    return f"Audio codec {board.codec.chip.upper()}", tuple(wire for wire in wires if wire[0] not in shared)


def _without(pins: dict[str, int], *beginnings: str) -> dict[str, int]:
    return {name: pin for name, pin in pins.items() if not name.startswith(beginnings)}


def _named(pins: dict[str, int], **labels: str) -> tuple[tuple[str, str], ...]:
    return tuple((name, label) for name, label in labels.items() if name in pins)


def _kit_mic(kit: bool) -> tuple[tuple[str, str], ...]:
    # The firmware reads the left slot, which a microphone fills whose L/R is low.
    return ((_GROUND, "L/R"), (_POWER, "VDD"), (_GROUND, "GND")) if kit else ()


def _kit_amp(kit: bool) -> tuple[tuple[str, str], ...]:
    return (("5V", "VIN"), (_GROUND, "GND")) if kit else ()


def _sensor(board: BoardDefinition) -> str:
    return f"Motion sensor {board.imu.chip.upper()} (I2C)" if board.imu is not None else "Motion sensor (I2C)"


def _led(board: BoardDefinition) -> str:
    return "LED (WS2812)" if "neopixel" in board.board.features else "LED"


def _origin(board: BoardDefinition, name: str) -> str:
    return f"GPIO {board.pins[name]}" if name in board.pins else name


def _box(x: int, y: int, width: int, height: int, color: str) -> str:
    return (
        f'<rect x="{x}" y="{y}" width="{width}" height="{height}" rx="6" fill="#f8fafc" stroke="{color}" '
        'stroke-width="2"/>'
    )


def _wire(y: int, color: str) -> str:
    return f'<path d="M{_CHIP_X + _CHIP_WIDTH} {y}H{_PART_X}" stroke="{color}" stroke-width="2"/>'


def _text(x: int, y: int, text: str, kind: str) -> str:
    of_kind = f' class="{kind}"' if kind else ""
    return f'<text x="{x}" y="{y}"{of_kind}>{escape(text)}</text>'
