"""Tracebacks of boards with little memory are shown in the names of the source."""

from posewire.boards.folders import firmware_folder
from posewire.boards.profiles import is_used
from posewire.install.compact.merge import PACKAGE
from posewire.install.compact.shorten import original_names
from posewire.install.compact.tracebacks import in_source_names


def test_short_names_are_told_in_those_of_the_source() -> None:
    firmware = firmware_folder()
    files = [path for path in (firmware / PACKAGE).glob("*.py") if is_used(path.stem, "motion")]
    names = original_names({path: path.read_text("utf-8") for path in sorted([*files, firmware / "posewire_slots.py"])})
    short = {original: place for place, original in names.items()}
    module, connect = short["on_binary"]
    assert connect != "on_binary"
    text = f'Traceback (most recent call last):\n  File "{module}", line 1, in {connect}\nMemoryError: 512 bytes'
    expected = text.replace(f"in {connect}\n", "in on_binary\n")
    assert in_source_names(text, "motion") == expected
    # What is merged is named with the module that it is from.
    module, link = short["link__Link"]
    assert in_source_names(f'File "{module}", in {link}', "motion") == f'File "{module}", in link.Link'


def test_all_else_stays() -> None:
    for text in ("  3.100 I wifi: connected", 'File "user_tools.py", line 3, in register', 'File "core", in <module>'):
        assert in_source_names(text) == text
    assert in_source_names('File "core", in x', "full") == 'File "core", in x'
