"""A MicroPython that runs 32-bit RISC-V machine code (rv32imc, as an ESP32-C3 does) on an emulated processor.

It is MicroPython's own port for QEMU, built from Debian's source package: once, into the user's cache. Run as a program
(``make test`` does), this file also installs the Debian packages that are needed, where it is run by root.
"""

import fcntl
import hashlib
import os
import pwd
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from posewire.sim.interpreter import cache_folder

SUITE = "trixie"
COMPILER = "riscv64-unknown-elf-"
QEMU = "qemu-system-riscv32"
PACKAGES = {
    "make": "make",
    f"{COMPILER}gcc": "gcc-riscv64-unknown-elf",
    f"{COMPILER}as": "binutils-riscv64-unknown-elf",
    QEMU: QEMU,
}
C_LIBRARY = "picolibc-riscv64-unknown-elf"
KEYRING = "debian-archive-keyring"
# The C library has no variant for today's split of the instruction set (-misa-spec). Nothing is frozen, so that nothing
# of the host's is compiled. The heap takes nearly all of the 2 MB that the port's linker script gives.
MAKE = (
    "BOARD=VIRT_RV32",
    "RV32_ARCH=rv32imc",
    "CFLAGS_EXTRA=-misa-spec=2.2",
    f"AS={COMPILER}as -misa-spec=2.2",
    "FROZEN_MANIFEST=",
    "MICROPY_HEAP_SIZE=1900000",
    "MICROPY_VFS_LFS1=1",
)
_KEYRINGS = Path("/usr/share/keyrings")
_TIMEOUT_SECONDS = 600


class UnavailableError(Exception):
    """This machine has no such interpreter and cannot build one; the message says why."""


class BuildError(Exception):
    """The build failed; the message has its last lines."""


def find() -> Path:
    """Return the folder with ``firmware.elf`` and ``asyncio/``, building it where all that takes is installed.

    Processes that ask at once build once. Raises UnavailableError or BuildError.
    """
    folder = _folder()
    if folder.exists() and shutil.which(QEMU):
        return folder
    missing = _missing()
    if missing:
        raise UnavailableError(f"not installed: {' '.join(missing)} (make rv32 installs them when root runs it)")
    folder.parent.mkdir(parents=True, exist_ok=True)
    with (folder.parent / "rv32imc.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not folder.exists():
            print("building MicroPython for rv32imc (once, under two minutes)…", file=sys.stderr, flush=True)
            with tempfile.TemporaryDirectory(prefix="rv32imc-", dir=folder.parent) as name:
                _build(Path(name), folder)
    return folder


def _folder() -> Path:
    key = hashlib.sha256("\n".join((SUITE, *MAKE)).encode()).hexdigest()[:12]
    return cache_folder() / f"rv32imc-{key}"


def _missing() -> list[str]:
    """The Debian packages that have to be installed. Raises UnavailableError where there are none to be had."""
    if shutil.which("apt-get") is None:
        raise UnavailableError("it is built on Debian and Ubuntu only")
    packages = [package for program, package in PACKAGES.items() if shutil.which(program) is None]
    gcc = f"{COMPILER}gcc"
    specs = "picolibc.specs"
    # gcc answers with the bare name when there is no such file.
    if shutil.which(gcc) is None or _run([gcc, f"--print-file-name={specs}"]).strip() == specs:
        packages.append(C_LIBRARY)
    if not _keyrings():
        packages.append(KEYRING)
    return packages


def _keyrings() -> list[Path]:
    return sorted(_KEYRINGS.glob(f"{KEYRING}.[gp]*"))


def install() -> None:
    """Install the packages that are missing. Raises UnavailableError where that takes another user or system."""
    missing = _missing()
    if not missing:
        return
    if os.getuid():
        raise UnavailableError(f"not installed: sudo apt install {' '.join(missing)}")
    print(f"installing {' '.join(missing)}…", file=sys.stderr, flush=True)
    _run(["apt-get", "-q", "update"])
    _run(["apt-get", "-q", "-y", "--no-install-recommends", "install", *missing])


def _build(work: Path, folder: Path) -> None:
    # Its signature was checked, so what it unpacks to may be trusted.
    shutil.unpack_archive(_download(work), work / "source")
    (source,) = (work / "source").iterdir()
    make = ["make", f"-j{os.cpu_count() or 1}", "-C", str(source / "ports" / "qemu"), f"PYTHON={sys.executable}"]
    _run([*make, *MAKE, f"BUILD={work / 'build'}"])
    result = work / "result"
    result.mkdir()
    shutil.copy(work / "build" / "firmware.elf", result)
    shutil.copytree(source / "extmod" / "asyncio", result / "asyncio")
    result.rename(folder)


def _download(work: Path) -> Path:
    """Get the source package with apt, which checks its signature, leaving the system's own lists alone."""
    lists = work / "lists"
    (lists / "partial").mkdir(parents=True)
    sources = work / "sources.list"
    sources.write_text(f"deb-src [signed-by={_keyrings()[0]}] {_mirror()} {SUITE} main\n")
    settings = {
        "Dir::Etc::SourceList": sources,
        "Dir::Etc::SourceParts": "/dev/null",
        "Dir::State::Lists": lists,
        "Dir::Cache": work,
        "APT::Sandbox::User": pwd.getpwuid(os.getuid()).pw_name,  # the user _apt may not enter this folder
        "APT::Update::Error-Mode": "any",
    }
    apt = ["apt-get", "-q", *(f"-o{name}={value}" for name, value in settings.items())]
    _run([*apt, "update"])
    _run([*apt, "source", "--download-only", "micropython"], cwd=work)
    (archive,) = work.glob("micropython_*.orig.tar.*")
    return archive


def _mirror() -> str:
    """The Debian mirror that this system uses; the main one where it uses none."""
    listing = _run(["apt-get", "indextargets", "--format", "$(REPO_URI)", "Created-By: Packages"])
    return next((uri for uri in listing.split() if uri.endswith("/debian/")), "http://deb.debian.org/debian/")


def _run(command: list[str], cwd: Path | None = None) -> str:
    environment = dict(os.environ, LC_ALL="C", DEBIAN_FRONTEND="noninteractive")
    # make hands its own options down, and they are of another makefile.
    for name in ("MAKEFLAGS", "MFLAGS", "MAKELEVEL"):
        environment.pop(name, None)
    try:
        done = subprocess.run(
            command,
            cwd=cwd,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise BuildError(f"{command[0]} took longer than {_TIMEOUT_SECONDS} s") from error
    if done.returncode:
        last = "\n".join((done.stdout + done.stderr).splitlines()[-20:])
        raise BuildError(f"{' '.join(command[:4])} … failed:\n{last}")
    return done.stdout


def main() -> None:
    try:
        install()
        print(f"MicroPython for rv32imc: {find()}", file=sys.stderr)
    except UnavailableError as error:
        print(f"no MicroPython for rv32imc, its tests are skipped: {error}", file=sys.stderr)
    except BuildError as error:
        sys.exit(f"no MicroPython for rv32imc: {error}")


if __name__ == "__main__":
    main()
