"""The partition table of an image with the firmware frozen into it; the image itself is built with the ESP-IDF."""

from pathlib import Path

TABLE = Path(__file__).parents[2] / "firmware" / "image" / "partitions.csv"
FLASH = 4 << 20


def test_the_partition_table_fills_the_flash_without_overlap() -> None:
    rows = [[cell.strip() for cell in line.split(",")] for line in TABLE.read_text().splitlines() if line[0] != "#"]
    partitions = {name: (int(offset, 0), int(size, 0)) for name, _, _, offset, size in rows}
    end = 0x9000  # what is before it belongs to the bootloader and the table
    for offset, size in partitions.values():
        assert offset == end
        end = offset + size
    assert end == FLASH
    # An application begins at a multiple of 64 KiB; MicroPython looks for its files by this name.
    assert partitions["factory"][0] % 0x10000 == 0
    assert partitions["vfs"][1] >= 1 << 20
