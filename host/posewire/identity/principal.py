"""An authenticated principal, and its scopes.

A needed scope is written ``verb`` or ``verb:name`` (``voice``, ``room.join:studio``); a granted scope is the same with
shell patterns (``room.*:class-*``, ``*``). A grant without a name holds for every name.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from fnmatch import fnmatchcase
from typing import Literal

from posewire.errors import ConfigError, WireError

PrincipalKind = Literal["device", "person", "program", "shared", "local"]

ALL: frozenset[str] = frozenset({"*"})
"""All scopes: those of a local user on a host that listens on loopback without authentication."""

DEVICE_SCOPES: frozenset[str] = frozenset({"voice", "room.join", "room.publish"})
"""The default scopes of a paired device."""


VERBS = (
    "voice", "room.join", "room.publish", "room.watch", "device.any",
    "operator.read", "operator.act", "operator.pair", "operator.update", "operator.write",
    "server.restart", "server.config",
)  # fmt: skip
"""The verbs of all scopes that the host itself asks for; plug-ins may ask for others."""


@dataclass(frozen=True)
class Principal:
    """A device, a person, a program, a holder of the shared token, or a local user of a host without authentication.

    ``device_id``: the device that a token was issued to, and the only one it lets in; empty where there is none.
    ``expires``: the end of its validity, in unix seconds. ``basis``: what in ``[auth]`` vouches for it, a secret or a
    key; None where the store does, or nothing needs to.
    """

    kind: PrincipalKind
    name: str
    scopes: frozenset[str] = ALL
    device_id: str = ""
    token_id: str = ""
    expires: float | None = None
    basis: object = field(default=None, repr=False, compare=False)

    @property
    def only_watches(self) -> bool:
        """Whether this is somebody with a link, who may look into a room and nothing else."""
        return bool(self.scopes) and all(scope.partition(":")[0] == "room.watch" for scope in self.scopes)

    def allows(self, need: str) -> bool:
        """Tell whether one of the scopes grants ``need``."""
        return any(grants(scope, need) for scope in self.scopes)

    def require_to_grant(self, wish: str) -> None:
        """Check that this principal may grant ``wish`` to somebody else: it must have that scope itself, or more.

        Raises:
            WireError: ``forbidden``.
        """
        if not any(covers(scope, wish) for scope in self.scopes):
            raise WireError(f'"{self.name}" cannot grant {wish}: none of its scopes covers all of that', "forbidden")

    def require(self, need: str) -> None:
        """Check that ``need`` is granted.

        Raises:
            WireError: ``forbidden``.
        """
        if not self.allows(need):
            raise WireError(f'"{self.name}" may not do this without the scope {need}', "forbidden")


def grants(scope: str, need: str) -> bool:
    """Tell whether a granted scope (with patterns) covers a needed one. Verb and name are compared separately."""
    pattern, _, names = scope.partition(":")
    verb, _, name = need.partition(":")
    return fnmatchcase(verb, pattern) and (not names or fnmatchcase(name, names))


def covers(scope: str, wish: str) -> bool:
    """Tell whether a granted scope surely holds all that another scope grants, which may have patterns itself.

    Patterns are not compared: a wish with a pattern needs the same scope, ``*``, or the same verb for every name.
    """
    verb, _, names = scope.partition(":")
    if scope in ("*", wish) or (not names and verb == wish.partition(":")[0]):
        return True
    return not any(char in wish for char in "*?[") and grants(scope, wish)


def check_scopes(scopes: Iterable[str]) -> None:
    """Check that each scope grants something that the host asks for: a mistyped one would grant nothing, in silence.

    Raises:
        ConfigError: one does not; the message lists those that there are.
    """
    for scope in scopes:
        pattern, colon, names = scope.partition(":")
        if (colon and not names) or not any(fnmatchcase(verb, pattern) for verb in VERBS):
            raise ConfigError(f"there is no scope {scope!r}; they are {', '.join(VERBS)}, with * for parts of them")


def read_scopes(text: str | Iterable[str]) -> frozenset[str]:
    """Read scopes from a list or from a string with blanks between them (as in OAuth's ``scope``)."""
    return frozenset(text.split() if isinstance(text, str) else text)
