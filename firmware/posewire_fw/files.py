"""Files that are replaced whole."""

import os


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
