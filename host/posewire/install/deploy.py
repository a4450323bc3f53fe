"""Deployment: find the files that a board lacks, and write them so that a loss of power does no harm."""

import json
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

from posewire.errors import InstallError
from posewire.install.bundle import BundleFile
from posewire.install.interpreter import Interpreter, parse_interpreter
from posewire.install.merge import PACKAGE
from posewire.install.repl import BoardRepl

STAGED = ".new"

# Run on the board: what it is, and the SHA-256 of each file that may be ours. Prints JSON on the last line.
_LOOK = """
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

# The watchdog cannot be stopped, but it can be given more time: it would reset the board in the middle of this.
_CALM_WATCHDOG = """
import json
try:
 with open('config.json') as f: c=json.load(f)
 if c.get('watchdog',{}).get('enabled'):
  import machine;machine.WDT(timeout=1800000)
except Exception: pass
"""

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
    repl.run(_CALM_WATCHDOG)
    lines = repl.run(_LOOK, timeout=180).strip().splitlines()
    try:
        found = json.loads(lines[-1])
        interpreter = parse_interpreter(found["version"], found["mpy"], found["machine"])
        return BoardState(interpreter, found["files"], found["free"], found["firmware"])
    except (IndexError, ValueError, KeyError, TypeError) as error:
        raise InstallError(f"the board's answer is not valid: {lines[-1:]}") from error


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
    if 0 <= state.free < plan.bytes:
        raise InstallError(f"the board has {state.free} bytes of free flash, and the files need {plan.bytes}")
    folders = sorted({file.path.rpartition("/")[0] for file in plan.write} - {""})
    if folders:
        makes = "".join(f"try: os.mkdir({name!r})\nexcept OSError: pass\n" for name in folders)
        repl.run("import os\n" + makes)
    done = 0
    for file in plan.write:
        before = done

        def report(written: int, before: int = before, path: str = file.path) -> None:
            on_progress(before + written, path)

        repl.write(file.path + STAGED, file.data, report)
        done += len(file.data)
        on_progress(done, file.path)
    repl.run(_finish(plan), timeout=180)


def _finish(plan: Plan) -> str:
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
