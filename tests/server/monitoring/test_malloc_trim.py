"""Memory that was needed for a moment only does not stay the host's."""

import platform
import subprocess
import sys

import pytest

CODE = """
import asyncio
from posewire.server.monitoring.malloc_trim import malloc_trim

def resident() -> int:
    return int(open("/proc/self/statm").read().split()[1]) * 4096

buffers = [bytes(40_000) for _ in range(2000)]
buffers = buffers[::50]  # one in fifty is still needed, so the heap cannot simply shrink
before = resident()
asyncio.run(malloc_trim())
print(before - resident())
"""


@pytest.mark.skipif(platform.libc_ver()[0] != "glibc", reason="a C library that cannot")
def test_free_memory_between_blocks_in_use_goes_back_to_the_system() -> None:
    done = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True, timeout=60, check=True)
    assert int(done.stdout) > 30_000_000
