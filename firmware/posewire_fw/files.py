"""Files that are replaced whole."""

import os

CONFIG = "config.json"
# As the settings were when a host last answered: for when the file breaks.
GOOD_CONFIG = "config.good"


def write_file(path, text):
    """Replace a file by one with this text, at once or not at all; False when there is no room."""
    fresh = path + ".new"
    try:
        with open(fresh, "w") as file:
            file.write(text)
        os.rename(fresh, path)
    except OSError:
        try:
            os.remove(fresh)
        except OSError:
            pass
        return False
    return True


def copy_file(path, copy):
    """Make copy a copy of a small text file, where it is none yet; False when that did not work."""
    try:
        with open(path) as file:
            text = file.read()
    except (OSError, UnicodeError):
        return False
    try:
        with open(copy) as file:
            if file.read() == text:
                return True
    except (OSError, UnicodeError):
        pass
    return write_file(copy, text)
