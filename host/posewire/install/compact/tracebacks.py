"""The tracebacks of boards with little memory, in the names of the source.

Such a board has short names for what is its own (``shorten``), and several modules merged into one (``merge``).
"""

import re
from functools import cache

from posewire.boards.folders import firmware_folder
from posewire.boards.profiles import PROFILES, is_used
from posewire.errors import PosewireError
from posewire.install.compact.merge import MERGED, PACKAGE
from posewire.install.compact.shorten import original_names

_LINE = re.compile(r'(File "([\w.]+)"(?:, line \d+)?, in )(\w+)')


def in_source_names(text: str, profile: str | None = None) -> str:
    """Put what the source calls a function in place of each short name in a traceback; all else stays.

    ``profile``: the board's; without it a name that means something else in each is given with all its meanings.
    """
    if _LINE.search(text) is None:
        return text
    profiles = [profile] if profile in PROFILES else list(PROFILES)
    try:
        tables = [_names(name) for name in profiles if name != "full"]
    except PosewireError:
        return text

    def replace(found: re.Match[str]) -> str:
        begin, module, name = found.groups()
        meanings = sorted({table[module, name] for table in tables if (module, name) in table})
        return begin + ("/".join(meanings) or name)

    return _LINE.sub(replace, text)


@cache
def _names(profile: str) -> dict[tuple[str, str], str]:
    """(module as the board calls it, short name) to the source's name."""
    firmware = firmware_folder()
    paths = [path for path in sorted((firmware / PACKAGE).glob("*.py")) if is_used(path.stem, profile)]
    sources = {path: path.read_text("utf-8") for path in [firmware / "posewire_slots.py", *paths]}
    return {place: _without_module(place[0], name) for place, name in original_names(sources).items()}


def _without_module(into: str, name: str) -> str:
    """Give the source's name for a merged one: link__Link is link.Link."""
    module, found, rest = name.lstrip("_").partition("__")
    return f"{module}.{rest}" if found and module in MERGED.get(into, ()) else name
