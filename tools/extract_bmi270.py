"""Takes the configuration of the BMI270 out of Bosch's driver, as a file for the board.

python tools/extract_bmi270.py path/to/bmi270.c [bmi270.bin]

bmi270.c is in Bosch's BMI270_SensorAPI (BSD-3-Clause, keep its notice if you pass the file on). Then:
posewire deploy --file bmi270.bin
"""

import re
import sys
from pathlib import Path

_ARRAY = re.compile(r"bmi270_config_file\s*\[\s*\]\s*=\s*\{([^}]*)\}")
_SIZE = 8192


def extract(source: str) -> bytes:
    """The bytes of the array. Raises ValueError."""
    found = _ARRAY.search(source)
    if found is None:
        raise ValueError("there is no bmi270_config_file[] in it: is this bmi270.c?")
    text = re.sub(r"/\*.*?\*/|//[^\n]*", "", found[1], flags=re.DOTALL)
    data = bytes(int(word, 0) for word in text.replace(",", " ").split())
    if len(data) != _SIZE:
        raise ValueError(f"the array has {len(data)} bytes, not {_SIZE}")
    return data


def main() -> int:
    if not 2 <= len(sys.argv) <= 3:
        print(__doc__)
        return 2
    target = Path(sys.argv[2] if len(sys.argv) == 3 else "bmi270.bin")
    try:
        target.write_bytes(extract(Path(sys.argv[1]).read_text("utf-8", "replace")))
    except (OSError, ValueError) as error:
        print(f"{sys.argv[1]}: {error}", file=sys.stderr)
        return 1
    print(f"{target}: {_SIZE} bytes")
    return 0


if __name__ == "__main__":
    sys.exit(main())
