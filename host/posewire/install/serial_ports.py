"""The search for the board's serial port."""

from collections.abc import Sequence
from dataclasses import dataclass

from posewire.errors import InstallError

# USB makers whose chips are on ESP32 boards, and what that tells.
_MAKERS = {
    0x303A: "the chip's own USB",
    0x10C4: "CP210x",
    0x1A86: "CH340 or CH9102",
    0x0403: "FTDI",
    0x2E8A: "Raspberry Pi",
}
_ESPRESSIF = 0x303A
NO_PORT = (
    "no board found on USB: is the cable a data cable, is the board powered? A board whose firmware crashes early "
    "loses its port: hold BOOT, press RESET, let go of BOOT. On Linux your user needs the group dialout. "
    "Or name the port: --port."
)


@dataclass(frozen=True)
class Port:
    """A serial port: its device name, its description, and whether it is the chip's own USB."""

    device: str
    description: str
    native_usb: bool


def list_ports() -> list[Port]:
    """Return the ports that a board may be on, the likeliest first. Raises InstallError when pyserial is missing."""
    try:
        from serial.tools import list_ports as system
    except ImportError:
        raise missing_extra("pyserial") from None
    found = []
    for info in system.comports():
        if info.vid is not None:
            what = _MAKERS.get(info.vid, info.description or "USB")
            found.append((info.vid not in _MAKERS, Port(info.device, what, info.vid == _ESPRESSIF)))
    return [port for _, port in sorted(found, key=lambda entry: (entry[0], entry[1].device))]


def choose_port(name: str | None, ports: Sequence[Port] | None = None) -> str:
    """Return the port to use: the named one, or the only one.

    Raises:
        InstallError: there is no port, or there are several.
    """
    if name is not None:
        return name
    there = list_ports() if ports is None else ports
    if not there:
        raise InstallError(NO_PORT)
    if len(there) > 1:
        names = ", ".join(f"{port.device} ({port.description})" for port in there)
        raise InstallError(f"there are several boards: name one with --port: {names}")
    return there[0].device


def missing_extra(package: str) -> InstallError:
    """Return the error for a missing package of the extra ``flash``."""
    return InstallError(f'{package} is not installed: pip install "posewire[flash]"')
