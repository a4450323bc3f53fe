"""Deployment: find the files that a board lacks, and write them so that a loss of power does no harm."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from posewire.boards.budgets import refusals
from posewire.boards.definition import BoardDefinition
from posewire.errors import InstallError
from posewire.install.bundle import BundleFile
from posewire.install.compact.merge import PACKAGE
from posewire.install.interpreter import Interpreter, parse_interpreter
from posewire.install.repl import BoardRepl

STAGED = ".new"

# The watchdog cannot be stopped, but it can be given more time: it would reset the board in the middle of this.
_CALM_WATCHDOG = """
import json
try:
 with open('config.json') as f: c=json.load(f)
 if c.get('watchdog',{}).get('enabled'):
  import machine;machine.WDT(timeout=1800000)
except Exception: pass
"""

LOOK = (
    _CALM_WATCHDOG
    + """
import os,sys,hashlib,binascii,json
def _h(p):
 d=hashlib.sha256();b=bytearray(512)
 with open(p,'rb') as f:
  while True:
   n=f.readinto(b)
   if not n: break
   d.update(memoryview(b)[:n])
 return binascii.hexlify(d.digest()).decode()
_f={}
for _e in os.ilistdir():
 if _e[1]&0x8000 and _e[0].split('.')[-1] in ('py','mpy','json','bin','new'): _f[_e[0]]=_h(_e[0])
try:
 for _e in os.ilistdir('PACKAGE'):
  if _e[1]&0x8000: _f['PACKAGE/'+_e[0]]=_h('PACKAGE/'+_e[0])
except OSError: pass
try:
 _s=os.statvfs('/');_s=_s[0]*_s[3]
except Exception: _s=-1
_i=sys.implementation
_v=''
try:
 from posewire_fw import __version__ as _v
except Exception: pass
print(json.dumps({'version':list(_i.version)[:3],'mpy':getattr(_i,'_mpy',0),'machine':getattr(_i,'_machine',''),
'files':_f,'free':_s,'firmware':_v}))
""".replace("PACKAGE", PACKAGE)
)
"""Run on the board: what it is, and the SHA-256 of each file that may be ours. Prints JSON on the last line."""

# An update over the air may have been installed beside the base; what is deployed by cable is the base.
_CHOOSE_BASE = """
try:
 import posewire_slots as s
 s.store(s.State())
except ImportError: pass
"""


@dataclass(frozen=True)
class BoardState:
    """The content of a board. ``files``: path to SHA-256; ``free``: bytes of flash, -1 for unknown."""

    interpreter: Interpreter
    files: dict[str, str]
    free: int
    firmware: str


@dataclass(frozen=True)
class Plan:
    """The changes that a deployment makes."""

    write: list[BundleFile] = field(default_factory=list)
    remove: list[str] = field(default_factory=list)
    same: int = 0

    @property
    def bytes(self) -> int:
        """The number of bytes to write."""
        return sum(len(file.data) for file in self.write)


def read_state(repl: BoardRepl) -> BoardState:
    """Ask a board for its interpreter and its files. Raises InstallError."""
    return parse_state(repl.run(LOOK, timeout=180))


def parse_state(printed: str) -> BoardState:
    """Read what ``LOOK`` has printed. Raises InstallError."""
    line = (printed.strip().splitlines() or [""])[-1]
    try:
        found = json.loads(line)
        interpreter = parse_interpreter(found["version"], found["mpy"], found["machine"])
        files = {str(path): str(digest) for path, digest in found["files"].items()}
        return BoardState(interpreter, files, int(found["free"]), str(found["firmware"]))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InstallError(f"the board's answer is not valid: {line[:200]}") from error


def refuse(board: BoardDefinition, config: Mapping[str, Any]) -> None:
    """Raise InstallError that names each part that cannot fit on the board with these settings."""
    if reasons := refusals(board, config):
        raise InstallError("; ".join(reasons))


def make_plan(wanted: Sequence[BundleFile], state: BoardState) -> Plan:
    """Compare files by hash. Unwanted files of the package are removed; the owner's other files stay."""
    paths = {file.path for file in wanted}
    write = [file for file in wanted if state.files.get(file.path) != file.digest]
    stale = [
        path
        for path in state.files
        if path not in paths and (path.startswith(f"{PACKAGE}/") or path.endswith(STAGED) or _twin(path) in paths)
    ]
    return Plan(write, sorted(stale), len(wanted) - len(write))


def _twin(path: str) -> str:
    """Return main.mpy for main.py, and the reverse: of two files of one name, the board would load the .py."""
    stem, _, kind = path.rpartition(".")
    return f"{stem}.{'py' if kind == 'mpy' else 'mpy'}"


def carry_out(
    repl: BoardRepl, plan: Plan, state: BoardState, on_progress: Callable[[int, str], None] = lambda done, what: None
) -> None:
    """Write all files beside the running ones, then put them in place at once. Raises InstallError."""
    check_space(plan, state)
    repl.run(make_folders(plan))
    done = 0
    for file in plan.write:
        before = done

        def report(written: int, before: int = before, path: str = file.path) -> None:
            on_progress(before + written, path)

        repl.write(file.path + STAGED, file.data, report)
        done += len(file.data)
        on_progress(done, file.path)
    repl.run(put_in_place(plan), timeout=180)


def check_space(plan: Plan, state: BoardState) -> None:
    """Raise InstallError where the board's flash has no room for the files beside those that it has."""
    if 0 <= state.free < plan.bytes:
        raise InstallError(f"the board has {state.free} bytes of free flash, and the files need {plan.bytes}")


def make_folders(plan: Plan) -> str:
    """Return the program that makes the folders on the board."""
    folders = sorted({file.path.rpartition("/")[0] for file in plan.write} - {""})
    return "import os\n" + "".join(f"try: os.mkdir({name!r})\nexcept OSError: pass\n" for name in folders)


def put_in_place(plan: Plan) -> str:
    """Return the program that gives the files, written with ``STAGED`` behind their names, their names."""
    lines = ["import os"]
    for file in plan.write:
        # littlefs puts the new file in the old one's place at once; FAT wants the old one away first.
        staged = file.path + STAGED
        lines.append(f"try: os.rename({staged!r},{file.path!r})")
        lines.append(f"except OSError: os.remove({file.path!r}); os.rename({staged!r},{file.path!r})")
    written = {file.path + STAGED for file in plan.write}
    lines.extend(f"try: os.remove({path!r})\nexcept OSError: pass" for path in plan.remove if path not in written)
    return "\n".join(lines) + _CHOOSE_BASE


def verify(repl: BoardRepl, wanted: Sequence[BundleFile]) -> None:
    """Compare the hashes of all files on the board again. Raises InstallError that names the files that differ."""
    state = read_state(repl)
    wrong = [file.path for file in wanted if state.files.get(file.path) != file.digest]
    if wrong:
        raise InstallError(f"these files differ after writing: {', '.join(wrong)}. The flash may be worn out or full")
