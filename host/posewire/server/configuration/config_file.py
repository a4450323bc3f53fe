"""The host's configuration for people: what is in force and where it comes from, and its file, changed with care.

Secrets are in files and variables of their own; the few that may stand in the configuration leave this module only as
marks, which become themselves again when the text comes back.
"""

import contextlib
import hashlib
import os
import re
import tempfile
import tomllib
from collections.abc import Callable, Container, Iterator, Mapping
from dataclasses import fields, is_dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

from posewire.errors import ConfigError, WireError
from posewire.server.configuration.live_settings import LIVE, merge
from posewire.server.settings import Settings, check_exposure, load_settings
from posewire.store.settings import StoreSettings, usual_path

_SECRET = re.compile(r"(^|_)(token|password|secret|webhook|authorization|api_key|key)$", re.IGNORECASE)
_SECRET_TABLES = ("env", "headers")
_NAMES = re.compile(r"_(file|env)$")
_USER_IN_URL = re.compile(r"://[^/@\s]+:[^/@\s]+@")
_HIDDEN = "…"
_MOST = 256 * 1024
_LONG = 8


class Change(NamedTuple):
    """The effect of a new configuration: the settings that change at once, and those that wait for a restart."""

    live: list[str]
    later: list[str]


class ConfigFile:
    """The file of one host. All methods block."""

    def __init__(self, path: Path, read: Callable[[Path], Settings]) -> None:
        """``read`` returns the settings of a file as this host would have them, with its command line."""
        self.path = path
        self._read = read

    def text(self) -> tuple[str, str]:
        """Return the text with marks in place of secrets, and a stamp of the content.

        Raises:
            ConfigError: the file cannot be read.
            WireError: a secret stands in it in a way that cannot be hidden.
        """
        text = self._content()
        return _hide(text, self._secrets(text)), _stamp(text)

    def check(self, text: str, now: Settings) -> Change:
        """Return what a text would change. Raises ConfigError for what is wrong with it."""
        return self._try(self._whole(text), now)[1]

    def save(self, text: str, stamp: str, now: Settings) -> Change:
        """Check a text and put it in the file's place at once; the host reads it by itself.

        Raises:
            ConfigError: the text is not valid, or cannot be written.
            WireError: ``busy``: the file has changed since it was shown.
        """
        if _stamp(self._content()) != stamp:
            raise WireError("the file has changed meanwhile: load it again", "busy")
        written, change = self._try(self._whole(text), now, keep=True)
        try:
            target = self.path.resolve()
            written.chmod(target.stat().st_mode & 0o777)
            written.replace(target)
        except OSError as error:
            raise ConfigError(f"cannot write {self.path}: {error.strerror}") from None
        finally:
            with contextlib.suppress(OSError):
                written.unlink()
        return change

    def table(self, settings: Settings) -> list[dict[str, Any]]:
        """Return the settings in force: each section's ``name`` and ``settings`` (name, value, source, live)."""
        try:
            written = tomllib.loads(self._content())
            return describe(settings, written, _overridden(load_settings(self.path), self._read(self.path)))
        except (ConfigError, tomllib.TOMLDecodeError):
            return describe(settings)

    def _content(self) -> str:
        try:
            return self.path.read_text("utf-8")
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"cannot read {self.path}: {error}") from None

    def _secrets(self, text: str) -> list[str]:
        try:
            return sorted(set(_secrets_in(tomllib.loads(text))), key=len, reverse=True)
        except (tomllib.TOMLDecodeError, RecursionError):
            raise WireError(f"{self.path} is not valid TOML: put it right on its machine", "not_available") from None

    def _whole(self, text: str) -> str:
        if len(text) > _MOST:
            raise ConfigError(f"a configuration has at most {_MOST} characters")
        content = self._content()
        for number, secret in enumerate(self._secrets(content), 1):
            quote = next((each for each in "\"'" if f"{each}{secret}{each}" in content), '"')
            text = text.replace(f'"{_mark(number)}"', f"{quote}{secret}{quote}").replace(_mark(number), secret)
        return text

    def _try(self, text: str, now: Settings, *, keep: bool = False) -> tuple[Path, Change]:
        """Write a text beside the file and read it as the host would; ``keep``: the caller takes it from there."""
        try:
            handle, name = tempfile.mkstemp(dir=self.path.resolve().parent, prefix=f".{self.path.name}.", suffix=".new")
        except OSError as error:
            raise ConfigError(f"cannot write beside {self.path}: {error.strerror}") from None
        written = Path(name)
        good = False
        try:
            with os.fdopen(handle, "w", encoding="utf-8") as file:
                file.write(text)
                file.flush()
                os.fsync(file.fileno())
            wanted = self._read(written)
            check_exposure(wanted)
            _, live, later = merge(now, wanted)
            good = True
        except ConfigError as error:
            raise ConfigError(str(error).replace(name, str(self.path))) from None
        finally:
            if not (good and keep):
                written.unlink(missing_ok=True)
        return written, Change(live, later)


def describe(
    settings: Settings, written: Mapping[str, Any] | None = None, overridden: Container[tuple[str, str]] = ()
) -> list[dict[str, Any]]:
    """Return what is in force. ``source`` is ``file``, ``default``, or ``elsewhere``: command line or environment.

    ``written``: the tables of the file; ``overridden``: sections and settings in it for which something else stands.
    """
    usual = replace(Settings(), store=StoreSettings(usual_path()))
    written = written or {}
    sections = []
    for section in fields(Settings):
        value, default = getattr(settings, section.name), getattr(usual, section.name)
        if not is_dataclass(value):
            sections.append({"name": section.name, "settings": [], "off": value is None})
            continue
        table = written.get(section.name)
        names = table.keys() if isinstance(table, dict) else ()
        live = LIVE.get(section.name, frozenset())
        sections.append(
            {
                "name": section.name,
                "off": False,
                "settings": [
                    {
                        "name": entry.name,
                        "value": _plain(entry.name, getattr(value, entry.name), secret=not entry.repr),
                        "source": _source(
                            (entry.name in names or f"{entry.name}_file" in names)
                            and (section.name, entry.name) not in overridden,
                            getattr(value, entry.name) == getattr(default, entry.name, None),
                        ),
                        "live": live is None or entry.name in live,
                    }
                    for entry in fields(value)
                ],
            }
        )
    return sections


def _overridden(alone: Settings, here: Settings) -> set[tuple[str, str]]:
    """Return the sections and settings that a file by itself has otherwise than with this host's command line."""
    return {
        (section.name, entry.name)
        for section in fields(Settings)
        if is_dataclass(value := getattr(alone, section.name))
        for entry in fields(value)
        if getattr(value, entry.name) != getattr(getattr(here, section.name), entry.name, None)
    }


def _source(written: bool, usual: bool) -> str:
    if written:
        return "file"
    return "default" if usual else "elsewhere"


def _plain(name: str, value: Any, secret: bool = False) -> Any:
    if secret or _is_secret(name, value):
        return _HIDDEN if value else ""
    if is_dataclass(value):
        return {
            entry.name: _plain(entry.name, getattr(value, entry.name), secret=not entry.repr) for entry in fields(value)
        }
    if isinstance(value, Mapping):
        hidden = name in _SECRET_TABLES
        return {str(key): _HIDDEN if hidden else _plain(str(key), each) for key, each in value.items()}
    if isinstance(value, tuple | list | set | frozenset):
        return [_plain(name, each) for each in (sorted(value, key=str) if isinstance(value, frozenset) else value)]
    return value if value is None or isinstance(value, str | int | float | bool) else str(value)


def _is_secret(name: str, value: Any) -> bool:
    if not isinstance(value, str):
        return False
    return bool((_SECRET.search(name) and not _NAMES.search(name)) or _USER_IN_URL.search(value))


def _secrets_in(value: Any, name: str = "", inside: bool = False) -> Iterator[str]:
    if isinstance(value, dict):
        for key, each in value.items():
            yield from _secrets_in(each, key, inside or name in _SECRET_TABLES)
    elif isinstance(value, list):
        for each in value:
            yield from _secrets_in(each, name, inside)
    elif isinstance(value, str) and value and (inside or name in _SECRET_TABLES or _is_secret(name, value)):
        yield value


def _hide(text: str, secrets: list[str]) -> str:
    for number, secret in enumerate(secrets, 1):
        quoted = [f"{quote}{secret}{quote}" for quote in "\"'"]
        if not any(each in text for each in quoted):
            raise WireError("a secret in it is written in a way that cannot be hidden: edit it there", "not_available")
        for each in quoted:
            text = text.replace(each, f'"{_mark(number)}"')
        if len(secret) >= _LONG:
            # In a comment, perhaps.
            text = text.replace(secret, _mark(number))
    return text


def _mark(number: int) -> str:
    return f"<hidden {number}>"


def _stamp(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
