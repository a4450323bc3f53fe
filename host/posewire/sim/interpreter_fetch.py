"""Get a MicroPython from the Debian or Ubuntu archive into a private folder, leaving the system as it is.

A private apt configuration names one suite that has a recent MicroPython, apt checks its signature with the archive
keyring that the system has, and what it downloads (the interpreter, libc and a few libraries) is only unpacked: the
interpreter is started through that folder's own loader. Needs no root.
"""

import fcntl
import os
import platform
import pwd
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import NamedTuple

from posewire.errors import SimulatorError
from posewire.progress import Progress

_KEYRINGS = Path("/usr/share/keyrings")
_TIMEOUT_SECONDS = 300
_WATCH_SECONDS = 0.2
_BYTES = 15_000_000
"""The size of the download, roughly: lists and packages."""


class _Archive(NamedTuple):
    keyring: str
    uri: str
    suite: str
    components: str


_DEBIAN = _Archive("debian-archive-keyring", "http://deb.debian.org/debian", "trixie", "main")
_UBUNTU = _Archive("ubuntu-archive-keyring", "http://archive.ubuntu.com/ubuntu", "resolute", "main universe")
_UBUNTU_PORTS = _UBUNTU._replace(uri="http://ports.ubuntu.com/ubuntu-ports")


def fetch(cache: Path, architecture: str = "") -> list[str]:
    """Return the command that starts the interpreter under ``cache``, fetching it when it is not there yet.

    ``architecture`` is Debian's name for another one than this machine's, such as ``i386``. Two processes at once fetch
    once; an interrupted fetch leaves no interpreter. Raises SimulatorError with the reason.
    """
    root = cache / f"{architecture or platform.machine()}-linux"
    argv = _command(root)
    if argv is not None:
        return argv
    missing = [tool for tool in ("apt-get", "apt-config", "dpkg") if shutil.which(tool) is None]
    if sys.platform != "linux" or missing:
        raise SimulatorError("fetching one works on Debian and Ubuntu only")
    try:
        cache.mkdir(parents=True, exist_ok=True)
        with (cache / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            argv = _command(root)
            if argv is None:
                with Progress("getting MicroPython", _BYTES) as progress:
                    _fetch_into(root, cache, architecture, progress)
                argv = _command(root)
    except OSError as error:
        raise SimulatorError(f"fetching one failed: {error}") from error
    if argv is None:
        raise SimulatorError("fetching one failed: the packages hold no interpreter")
    return argv


def _command(root: Path) -> list[str] | None:
    program = root / "usr" / "bin" / "micropython"
    loaders = [path for path in sorted(root.glob("usr/lib*/ld-linux*.so.*")) if path.exists()]
    libraries = sorted(root.glob("usr/lib/*-linux-gnu*"))
    if not (program.exists() and loaders and libraries):
        return None
    return [str(loaders[0]), "--library-path", ":".join(map(str, libraries)), str(program)]


def _fetch_into(root: Path, cache: Path, architecture: str, progress: Progress) -> None:
    reasons = []
    for archive in _archives():
        keyring = _keyring(archive.keyring)
        if keyring is None:
            reasons.append(f"{archive.keyring} is not installed")
            continue
        with tempfile.TemporaryDirectory(prefix="fetch-", dir=cache) as name:
            folder = Path(name)
            try:
                packages = _download(archive, keyring, folder, architecture, progress)
            except SimulatorError as error:
                reasons.append(str(error))
                continue
            unpacked = folder / "root"
            for package in packages:
                _run(["dpkg", "-x", str(package), str(unpacked)])
            unpacked.rename(root)
            return
    raise SimulatorError(f"fetching one failed: {'; '.join(reasons)}")


def system_family() -> set[str]:
    """The Linux distribution and those it is made from (os-release ID and ID_LIKE); empty where that is not known."""
    release = _os_release()
    return {release.get("ID", ""), *release.get("ID_LIKE", "").split()} - {""}


def _os_release() -> dict[str, str]:
    try:
        return platform.freedesktop_os_release()
    except OSError:
        return {}


def _archives() -> list[_Archive]:
    release = _os_release()
    ubuntu = _UBUNTU if platform.machine() == "x86_64" else _UBUNTU_PORTS
    wanted = [ubuntu, _DEBIAN] if "ubuntu" in system_family() else [_DEBIAN]
    mirror = _mirror(release.get("UBUNTU_CODENAME") or release.get("VERSION_CODENAME", ""))
    # The mirror that the system uses is the one that is known to be reachable.
    first = [wanted[0]._replace(uri=mirror)] if mirror else []
    return list(dict.fromkeys([*first, *wanted]))


def _mirror(codename: str) -> str | None:
    """The address from which the system gets its own release, None when apt does not say."""
    listing = _run(["apt-get", "indextargets", "--format", "$(REPO_URI) $(RELEASE)", "Created-By: Packages"])
    for line in listing.splitlines():
        uri, _, suite = line.partition(" ")
        if suite in (codename, "stable", "testing", "unstable", "sid"):
            return uri.rstrip("/")
    return None


def _keyring(name: str) -> Path | None:
    for suffix in (".gpg", ".pgp"):
        path = _KEYRINGS / f"{name}{suffix}"
        if path.exists():
            return path
    return None


def _download(archive: _Archive, keyring: Path, folder: Path, architecture: str, progress: Progress) -> list[Path]:
    for name in ("lists/partial", "archives/partial"):
        (folder / name).mkdir(parents=True)
    (folder / "status").touch()
    source = f"deb [signed-by={keyring}] {archive.uri} {archive.suite} {archive.components}\n"
    (folder / "sources.list").write_text(source)
    settings = {
        "Dir::Etc::SourceList": folder / "sources.list",
        "Dir::Etc::SourceParts": "/dev/null",
        "Dir::Etc::Preferences": "/dev/null",
        "Dir::Etc::PreferencesParts": "/dev/null",
        # The system's hooks have no business here; its proxy and time-outs (Acquire) are copied.
        "Dir::Etc::Parts": "/dev/null",
        "Dir::Etc::Main": "/dev/null",
        "Dir::State": folder,
        "Dir::State::Lists": folder / "lists",
        # An empty package database makes apt take the libraries too, whatever is installed.
        "Dir::State::Status": folder / "status",
        "Dir::Cache": folder,
        "Dir::Cache::Archives": folder / "archives",
        "Dir::Cache::PkgCache": "",
        "Dir::Cache::SrcPkgCache": "",
        "APT::Install-Recommends": "false",
        **({"APT::Architecture": architecture, "APT::Architectures": architecture} if architecture else {}),
        # The user _apt may not enter this folder.
        "APT::Sandbox::User": pwd.getpwuid(os.getuid()).pw_name,
        "Acquire::Languages": "none",
        "Acquire::Retries": "1",
        "APT::Update::Error-Mode": "any",
    }
    config = folder / "apt.conf"
    lines = [f'{name} "{value}";\n' for name, value in settings.items()]
    config.write_text(_run(["apt-config", "dump", "--format", '%F "%v";%n', "Acquire"]) + "".join(lines))
    with _watched(folder, progress):
        _run(["apt-get", "-q", "update"], config)
        _run(["apt-get", "-q", "-y", "--download-only", "install", "micropython"], config)
    packages = sorted((folder / "archives").glob("*.deb"))
    if not packages:
        raise SimulatorError(f"{archive.suite} has no micropython")
    return packages


@contextmanager
def _watched(folder: Path, progress: Progress) -> Iterator[None]:
    """Show how much has arrived in a folder, from a thread; apt itself tells only people."""
    over = threading.Event()

    def watch() -> None:
        while not over.wait(_WATCH_SECONDS):
            size = 0
            for path in folder.rglob("*"):
                with suppress(OSError):  # apt moves what is whole
                    size += path.stat().st_size
            progress.show(size)

    thread = threading.Thread(target=watch)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def _run(argv: list[str], apt_config: Path | None = None) -> str:
    environment = dict(os.environ, LC_ALL="C", DEBIAN_FRONTEND="noninteractive")
    if apt_config is not None:
        environment["APT_CONFIG"] = str(apt_config)
    try:
        done = subprocess.run(  # noqa: S603
            argv,
            env=environment,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=_TIMEOUT_SECONDS,
            check=False,
        )
    except subprocess.TimeoutExpired as error:
        raise SimulatorError(f"{argv[0]} took longer than {_TIMEOUT_SECONDS} s") from error
    if done.returncode:
        lines = [line for line in done.stderr.splitlines() if line.startswith(("E:", "W:"))] or done.stderr.splitlines()
        raise SimulatorError(f"{argv[0]}: {lines[-1] if lines else 'failed'}")
    return done.stdout
