"""config.json: settings with defaults and validation.

A bad setting is reported by name, and its default used instead.
"""

import binascii
import json
import os

from posewire_fw.files import CONFIG, GOOD_CONFIG, write_file
from posewire_fw.url import parse_url


class ConfigError(Exception):
    """A setting that makes no sense; the message names it, says what it must be and what it is."""


def _text(value):
    return isinstance(value, str)


def _optional_text(value):
    return value is None or isinstance(value, str)


def _boolean(value):
    return value is True or value is False


def _integer(low, high):
    def check(value):
        return isinstance(value, int) and not isinstance(value, bool) and low <= value <= high

    return check


def _one_of(*choices):
    def check(value):
        return value in choices and not isinstance(value, bool)

    return check


def _url(value):
    try:
        parse_url(value)
    except (ValueError, TypeError, AttributeError):
        return False
    return True


def _networks(value):
    if value is None:
        return True
    if not isinstance(value, list):
        return False
    for entry in value:
        if not isinstance(entry, dict) or not entry.get("ssid") or not isinstance(entry["ssid"], str):
            return False
        if not isinstance(entry.get("password", ""), str):
            return False
    return True


def is_url(value):
    """Whether this can be a host's address."""
    return _url(value)


# As in pose_receiver, which is not imported for its names alone.
_LANDMARK_SETS = (
    "any", "custom", "body33", "hands42", "face468", "face478", "world33", "coco17", "quat", "imu6", "hand21",
    "hand21_right",
)  # fmt: skip


# What may be on the UART: the line of docs/keypoint-uart.md, or a part that speaks its own.
_UART_PARTS = ("keypoints", "grove-ai", "huskylens2", "huskylens2-hand", "bno08x")


def _baud(value):
    return value is None or (isinstance(value, int) and 1200 <= value <= 5000000)


def _size(value):
    if not isinstance(value, list) or len(value) != 2:
        return False
    for side in value:
        if not isinstance(side, int) or not 0 < side <= 4096:
            return False
    return True


def _cutoff(value):
    return value is None or (_beta(value) and 0.1 <= value <= 20)


def _beta(value):
    return isinstance(value, (int, float)) and not isinstance(value, bool) and 0 <= value <= 100


def _landmark_set(value):
    return value is None or value in _LANDMARK_SETS


def _room(value):
    return value is None or (isinstance(value, str) and 1 <= len(value) <= 64)


_FORMATS = ("auto", "opus", "ima-adpcm", "pcm")

# (section, name, default, check, what it must be); section None is the top level
SETTINGS = (
    ("host", "url", "ws://posewire.local:8000/posewire/v1/", _url, "a ws:// or wss:// URL"),
    ("host", "token", "", _text, "a text"),
    ("host", "ca", None, _optional_text, "a file name or null"),
    ("host", "silence", 15, _integer(2, 600), "2..600 (seconds)"),
    ("host", "activation", None, _optional_text, "an http:// or https:// URL or null"),
    (None, "ntp", "pool.ntp.org", _text, "a host name"),
    (None, "wifi", [], _networks, 'a list of {"ssid": …, "password": …}, or null'),
    (None, "client_id", None, _optional_text, "a UUID or null"),
    (None, "protocol", 3, _one_of(1, 2, 3), "1, 2 or 3"),
    ("audio", "format", "auto", _one_of(*_FORMATS), '"auto", "opus", "ima-adpcm" or "pcm"'),
    ("audio", "opus_bitrate", 24000, _integer(8000, 48000), "8000..48000 (bit/s)"),
    ("audio", "volume", 70, _integer(0, 100), "0..100"),
    ("audio", "gain", 4, _integer(0, 8), "0..8"),
    ("audio", "frame_ms", 60, _one_of(20, 40, 60), "20, 40 or 60"),
    ("listen", "start", "button", _one_of("button", "voice", "host"), '"button", "voice" or "host"'),
    ("listen", "mode", "auto", _one_of("auto", "realtime"), '"auto" or "realtime"'),
    ("pose", "room", None, _room, "a name of 1 to 64 characters or null"),
    ("pose", "keypoints", True, _boolean, "true or false"),
    ("pose", "uart", "keypoints", _one_of(*_UART_PARTS), "one of " + ", ".join(_UART_PARTS)),
    ("pose", "uart_baud", None, _baud, "1200..5000000 or null"),
    ("pose", "picture", [240, 240], _size, "[width, height]"),
    ("pose", "imu", True, _boolean, "true or false"),
    ("pose", "imu_hz", 50, _integer(1, 200), "1..200"),
    ("pose", "bytes_per_second", 0, _integer(0, 500000), "0..500000"),
    ("pose", "smooth", None, _cutoff, "0.1..20 (Hz) or null"),
    ("pose", "smooth_beta", 10, _beta, "0..100"),
    ("pose", "receive", None, _landmark_set, 'the name of a landmark set, "any" or null'),
    ("pose", "from", None, _optional_text, "a device id or null"),
    ("pose", "hold_ms", 500, _integer(50, 60000), "50..60000"),
    ("pose", "relax_ms", 3000, _integer(50, 600000), "50..600000"),
    ("watchdog", "enabled", True, _boolean, "true or false"),
    ("watchdog", "seconds", 60, _integer(5, 300), "5..300"),
)


def defaults():
    """A fresh dict of all settings."""
    config = {}
    for section, name, default, _, _ in SETTINGS:
        target = config if section is None else config.setdefault(section, {})
        target[name] = list(default) if isinstance(default, list) else default
    return config


def read(data):
    """Merge settings over the defaults; return (config, list of ConfigError for what was left out)."""
    config = defaults()
    errors = []
    if not isinstance(data, dict):
        return config, [ConfigError("config: must be a JSON object")]
    known = {}
    for section, name, _, check, meaning in SETTINGS:
        known.setdefault(section, []).append(name)
        source = data if section is None else data.get(section, {})
        if not isinstance(source, dict):
            continue
        if name not in source:
            continue
        label = name if section is None else section + "." + name
        value = source[name]
        if check(value):
            (config if section is None else config[section])[name] = value
        else:
            errors.append(ConfigError("config: %s must be %s, is %s" % (label, meaning, json.dumps(value))))
    for name, value in data.items():
        if name in known:
            if not isinstance(value, dict):
                errors.append(ConfigError("config: %s must be an object, is %s" % (name, json.dumps(value))))
                continue
            for inner in value:
                if inner not in known[name]:
                    errors.append(ConfigError("config: unknown setting %s.%s" % (name, inner)))
        elif name not in known[None]:
            errors.append(ConfigError("config: unknown setting %s" % name))
    return config, errors


def _complete(text):
    """True when every bracket is closed: MicroPython's parser takes a file that was cut off for a whole one."""
    depth = 0
    quoted = False
    escaped = False
    for letter in text:
        if escaped:
            escaped = False
        elif letter == '"':
            quoted = not quoted
        elif quoted:
            escaped = letter == "\\"
        elif letter in "{[":
            depth += 1
        elif letter in "}]":
            depth -= 1
    return depth == 0 and not quoted


def _read_json(path):
    """Raises OSError for a missing file, ValueError for a broken one."""
    with open(path) as file:
        text = file.read()
    if not _complete(text):
        raise ValueError("cut off")
    return json.loads(text)


def load(path=CONFIG):
    """Read settings from a file: the defaults where there is none, what last worked where it is corrupt.

    Either is said in the errors.
    """
    try:
        return read(_read_json(path))
    except OSError:
        return defaults(), [ConfigError("config: no %s, using the defaults" % path)]
    except (ValueError, UnicodeError):
        pass
    try:
        config, errors = read(_read_json(GOOD_CONFIG))
    except (OSError, ValueError, UnicodeError):
        return defaults(), [ConfigError("config: %s is not JSON, using the defaults" % path)]
    return config, [ConfigError("config: %s is not JSON, using the settings that last worked" % path)] + errors


def save_value(name, value, path=CONFIG, repair=False):
    """Set one setting ("section.name", or a top-level one) in the file, leaving the rest of it as it is.

    A corrupt file is not touched, unless repair says to set it aside (as *.bad) and go on from what last worked. The
    new file is complete before it takes the old one's place, so that losing power cannot leave half of it. False when
    it could not be saved.
    """
    try:
        data = _read_json(path)
        if not isinstance(data, dict):
            raise ValueError
    except OSError:
        data = {}
    except (ValueError, UnicodeError):
        if not repair:
            return False
        try:
            data = _read_json(GOOD_CONFIG)
        except (OSError, ValueError, UnicodeError):
            data = {}
        try:
            os.rename(path, path + ".bad")
        except OSError:
            return False
    section, dot, inner = name.partition(".")
    if dot:
        if not isinstance(data.get(section), dict):
            data[section] = {}
        data[section][inner] = value
    else:
        data[name] = value
    return write_file(path, json.dumps(data))


def new_client_id():
    """A random UUID (version 4)."""
    raw = bytearray(os.urandom(16))
    raw[6] = raw[6] & 0x0F | 0x40
    raw[8] = raw[8] & 0x3F | 0x80
    text = binascii.hexlify(bytes(raw)).decode()
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))
