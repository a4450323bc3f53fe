"""The export of a recording by a program of its own, ``posewire export``, and how far it is."""

import asyncio
import re
import sys
from dataclasses import dataclass
from pathlib import Path

from posewire.child_process import ChildProcess, child_environment
from posewire.errors import WireError

FORMATS = ("csv", "jsonl", "npz", "bvh")
_WITHIN = 300.0
_END_WITHIN = 10.0
_PERCENT = re.compile(r"(\d+) %")


@dataclass
class Export:
    """An export that is under way: of which file into which format; ``percent`` of it is done."""

    file: Path
    kind: str
    device: str = ""
    percent: int = 0

    async def run(self, out: Path) -> None:
        """Write the new file. Raises WireError where the exporter says why it is not possible."""
        words = ["export", str(self.file), str(out), "--json", "--percent"]
        words += [f"--device={self.device}"] if self.device else []  # it may begin with a dash
        try:
            child = await ChildProcess.start(
                sys.executable, "-m", "posewire", *words, environment=child_environment(), errors=True
            )
        except OSError as error:
            raise WireError(f"the export has failed: {error}") from None
        try:
            async with asyncio.timeout(_WITHIN):
                said = await self._follow(child)
                await child.ended(_END_WITHIN)
        except TimeoutError:
            raise WireError("the export has failed: it takes too long") from None
        finally:
            await child.end()
        if child.returncode:
            raise WireError(said.replace(str(out.parent), ""))

    async def _follow(self, child: ChildProcess) -> str:
        """Note how far the program is, until it has ended; return the last that it said besides."""
        assert child.stderr is not None
        said = "the export has failed"
        while line := await child.stderr.readline():
            text = line.decode("utf-8", "replace").strip()
            if found := _PERCENT.fullmatch(text):
                self.percent = int(found[1])
            elif text:
                said = text[:300]
        return said
