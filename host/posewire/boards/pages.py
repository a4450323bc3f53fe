"""The pages and drawings of docs/boards/, made from the board definitions."""

from posewire.boards.board_file import load_board
from posewire.boards.budgets import growth, load_budgets, memory_of
from posewire.boards.chip_memory import ChipMemory
from posewire.boards.definition import CLASSES, BoardDefinition
from posewire.boards.folders import board_folder, board_names
from posewire.boards.profiles import PROFILES
from posewire.boards.unsupported import unsupported_boards
from posewire.boards.wiring import drawing

_MADE = "<!-- Made by tools/make_board_pages.py from boards/: change the board.toml, not this page. -->\n\n"
_PINS = {
    "button": "button, to GND when pressed",
    "led": "LED",
    "amplifier": "amplifier on (high)",
    "backlight": "display backlight",
    "lamp": "lamp (a tool of your own can switch it)",
    "volume_up": "volume up button",
    "volume_down": "volume down button",
    "mic_sck": "microphone BCLK (SCK)",
    "mic_ws": "microphone WS (LRCL)",
    "mic_sd": "microphone data (SD, DOUT)",
    "spk_sck": "amplifier BCLK",
    "spk_ws": "amplifier LRCK (WS)",
    "spk_sd": "amplifier data (DIN)",
    "codec_scl": "codec I2C clock",
    "codec_sda": "codec I2C data",
    "i2c_scl": "I2C clock (motion sensor)",
    "i2c_sda": "I2C data (motion sensor)",
    "uart_tx": "UART to the camera co-processor's RX",
    "uart_rx": "UART from the camera co-processor's TX",
}


def pages() -> dict[str, str]:
    """All pages and drawings by file name. Raises BoardError."""
    boards = [load_board(board_folder(name)) for name in board_names()]
    result = {f"{board.board.name}.md": page(board) for board in boards}
    result["README.md"] = index(boards)
    drawings = {f"{board.board.name}.svg": drawing(board) for board in boards if board.board.name != "sim"}
    return {**result, **{name: text for name, text in drawings.items() if text}}


def index(boards: list[BoardDefinition]) -> str:
    """The list of all boards, and of those that are not supported."""
    lines = [_MADE + "# Boards\n"]
    lines.append(
        "Pins are read from the sources that each page names. Where the column says *no*, nobody has yet reported to "
        "have run this firmware on that board: expect to find something, and please tell what.\n"
    )
    for grade, meaning in CLASSES.items():
        lines.append(f"\n## Class {grade}\n\n{meaning[0].upper()}{meaning[1:]}.\n")
        lines.append("| board | chip | motion sensor | tried on hardware |")
        lines.append("|---|---|---|---|")
        lines.extend(
            f"| [{board.board.title}]({board.board.name}.md) | {board.chip.esptool} | "
            f"{board.imu.chip.upper() if board.imu else '–'} | {_tried(board)} |"
            for board in boards
            if board.board.grade == grade
        )
    lines.append("\n## Not supported\n\n| board | why |\n|---|---|")
    lines.extend(f"| {entry.title} | {entry.reason} |" for entry in unsupported_boards())
    lines.append(
        "\nMicroPython's I2S on the ESP32 gives out no master clock, reads no PDM and no TDM, and one port goes in one "
        "direction at a time: that is what decides most of this list. How to add a board: "
        "[boards/README.md](../../boards/README.md).\n"
    )
    return "\n".join(lines)


def page(board: BoardDefinition) -> str:
    """Return the page of one board in ``docs/boards``, as Markdown."""
    identity, image = board.board, board.image
    lines = [f"{_MADE}# {identity.title}\n"]
    lines.append(f"`{identity.name}` · {board.chip.esptool} · class {identity.grade}: {CLASSES[identity.grade]}.\n")
    if identity.notes:
        lines.append(identity.notes)
    lines.append("| | |\n|---|---|")
    lines.append(f"| MicroPython image | `{image.full_name}`, at `{image.offset:#x}` |")
    if board.codec is not None:
        lines.append(f"| audio codec | {board.codec.chip.upper()} at `{board.codec.address:#x}` |")
    if board.imu is not None:
        where = f" at `{board.imu.address:#x}`" if board.imu.address else ""
        lines.append(f"| motion sensor | {board.imu.chip.upper()}{where} |")
    if board.display is not None:
        size = f"{board.display.width} × {board.display.height}"
        lines.append(f"| display | {board.display.chip.upper()}, {size}; left to code of your own |")
    lines.append(f"| LED | {_led(board)} |")
    if board.uart is not None:
        lines.append(f"| UART | {board.uart.baud} baud |")
    lines.append(f"| profile | {identity.profile}: {PROFILES[identity.profile]} |")
    lines.append(f"| tried on hardware | {_tried(board)} |\n")
    lines.append(_memory(board))
    lines.append("| GPIO | for |\n|---|---|")
    lines.extend(f"| {number} | {_PINS.get(name, f'`{name}`')} |" for name, number in board.pins.items())
    if identity.name != "sim" and board.pins:
        lines.append(f"\n![Wiring: the chip's pins, and the parts that they lead to]({identity.name}.svg)\n")
        if board.codec is not None or "half_duplex" in board.board.features:
            lines.append("What is on the board itself is wired there already.\n")
    lines.append("\nSources of the facts: " + "; ".join(identity.sources) + ".\n")
    if identity.name == "sim":
        lines.append("`posewire sim device` is this board.\n")
    else:
        lines.append(
            "```\n"
            f"posewire flash --board {identity.name}      # MicroPython itself, once\n"
            f"posewire deploy --board {identity.name}     # this firmware and the board's definition\n"
            "posewire provision                # Wi-Fi\n"
            "```\n\nSee [flashing.md](../flashing.md).\n"
        )
    return "\n".join(lines)


def _memory(board: BoardDefinition) -> str:
    """The features that fit on the board, from the table of memory."""
    memory = memory_of(board)
    if memory is None:
        return (
            "**Memory.** This chip's memory has not been measured, on a chip or an emulated one; the firmware looks at "
            "what is free at its start, and leaves out by name what does not fit.\n"
        )
    parts = load_budgets().parts
    rows = ["**Memory.** No PSRAM: the board is for motion or for voice, not for both. " + _tls_words(memory)]
    rows.append("")
    rows.append("| part | of the heap | of the chip's own memory |")
    rows.append("|---|---|---|")
    rows.extend(f"| {part.title} | {part.heap} | {part.chip} |" for part in parts.values())
    keep = load_budgets().keep
    for profile in ("motion", "voice"):
        heap = memory.first_heap + growth(memory, keep[profile])
        rows.append(
            f"\nWith Wi-Fi joined the profile {profile} has {heap} bytes of heap, and {keep[profile]} bytes of the "
            "chip's own beside it."
        )
    rows.append(
        "\nMeasured on an emulated ESP32 with the stock image ESP32_GENERIC 1.26.1, never on a real chip. "
        "There ran: a motion sensor and a camera together, a camera over `wss://`, half an hour each; 50 spoken "
        "sentences; an update over the air ([performance.md](../performance.md#a-plain-esp32)). "
        "`posewire deploy --profile motion` or `--profile voice` chooses; following others' motion needs PSRAM.\n"
    )
    return "\n".join(rows)


def _tls_words(memory: ChipMemory) -> str:
    tls, opening = memory.costs["tls"], memory.costs["tls_opening"]
    return (
        f"`wss://` takes {tls} bytes of the chip's own memory, {opening} while it opens: with the profile "
        "motion there is room for one source beside it, the motion sensor or the camera; the other is left out."
    )


def _led(board: BoardDefinition) -> str:
    if "led" not in board.pins:
        return "none"
    if "neopixel" not in board.board.features:
        return "plain"
    return "WS2812" if board.led is None else f"{board.led.count} × WS2812"


def _tried(board: BoardDefinition) -> str:
    if board.board.name == "sim":
        return "runs in every test"
    return "yes" if board.board.tried_on_hardware else "no"
