"""A simulated network for datagrams: what goes to an address by way of it is delayed, lost or overtaken."""

import asyncio
import random
import socket
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from posewire.sim.network.link_conditions import LinkConditions, Step

_LONGEST = 65536
_MAX_FLOWS = 256
"""Pairs of addresses; those that were there first are kept."""

_OVERTAKEN = 0.03
"""Seconds by which a datagram that is overtaken comes later, at least."""


class DatagramProxy:
    """Passes datagrams on under ``conditions``, each way. An async context manager.

    ``route`` returns the address that stands for another one. The same ``seed`` gives the same losses to the n-th flow.
    """

    def __init__(self, conditions: LinkConditions | None = None, seed: int = 0) -> None:
        self.conditions = conditions or LinkConditions()
        self.passed = 0
        self.lost = 0
        """Datagrams since the start, both ways."""

        self._seed = seed
        self._ways: dict[tuple[str, int], socket.socket] = {}
        self._flows: dict[tuple[socket.socket, Any], _Flow] = {}

    async def __aenter__(self) -> "DatagramProxy":
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()

    def route(self, host: str, port: int) -> tuple[str, int]:
        """Return the address that leads to ``host`` by way of this network; call it in the event loop.

        Raises:
            OSError: there is no way to that address.
        """
        way = self._ways.get((host, port))
        if way is None:
            way = self._ways[host, port] = _bound_towards(host, port)
            asyncio.get_running_loop().add_reader(way, self._from_near, way, (host, port))
        name = way.getsockname()
        return name[0], name[1]

    async def change(self, **conditions: Any) -> None:
        """Change conditions; those that are not named stay.

        Raises:
            ConfigError: a value out of range.
        """
        self.conditions = replace(self.conditions, **conditions)

    async def run(self, steps: Sequence[Step]) -> None:
        """Do the steps of a script at their times; what is for connections only is left aside."""
        began = asyncio.get_running_loop().time()
        for step in steps:
            await asyncio.sleep(began + step.at - asyncio.get_running_loop().time())
            await self.change(**step.changes)

    def close(self) -> None:
        """Stop."""
        loop = asyncio.get_running_loop()
        for open_socket in [*self._ways.values(), *(flow.far for flow in self._flows.values())]:
            loop.remove_reader(open_socket)
            open_socket.close()
        self._ways.clear()
        self._flows.clear()

    def _from_near(self, way: socket.socket, target: tuple[str, int]) -> None:
        with suppress(OSError):
            data, sender = way.recvfrom(_LONGEST)
            flow = self._flows.get((way, sender))
            if flow is None:
                if len(self._flows) >= _MAX_FLOWS:
                    return
                far = _bound_towards(*target)
                far.connect(target)
                flow = self._flows[way, sender] = _Flow(far, f"{self._seed}/{len(self._flows) + 1}")
                asyncio.get_running_loop().add_reader(far, self._from_far, way, sender, flow)
            self._pass_on(flow.up, len(data), lambda: flow.far.send(data))

    def _from_far(self, way: socket.socket, sender: Any, flow: "_Flow") -> None:
        with suppress(OSError):
            data = flow.far.recv(_LONGEST)
            self._pass_on(flow.down, len(data), lambda: way.sendto(data, sender))

    def _pass_on(self, direction: "_Direction", size: int, send: Callable[[], object]) -> None:
        delay = direction.delay(size, self.conditions)
        if delay is None:
            self.lost += 1
            return
        self.passed += 1

        def arrive() -> None:
            with suppress(OSError):
                send()

        asyncio.get_running_loop().call_later(delay, arrive)


class _Flow:
    def __init__(self, far: socket.socket, seed: str) -> None:
        self.far = far
        self.up = _Direction(random.Random(f"{seed}/up"))
        self.down = _Direction(random.Random(f"{seed}/down"))


class _Direction:
    """One direction of a flow: its bottleneck, and what becomes of each datagram."""

    def __init__(self, chance: random.Random) -> None:
        self._chance = chance
        self._free = 0.0

    def delay(self, size: int, conditions: LinkConditions) -> float | None:
        """Return the seconds that a datagram is on its way; None: it is lost."""
        # Always the same draws: one condition does not change what the others do to the datagrams that follow.
        lost, overtaken, jitter = (self._chance.random() for _ in range(3))
        if conditions.stall or conditions.refuse or lost < conditions.loss:
            return None
        now = asyncio.get_running_loop().time()
        wait = 0.0
        if conditions.kbit_s:
            bytes_s = conditions.kbit_s * 1000 / 8
            wait = max(0.0, self._free - now)
            if wait * bytes_s > conditions.buffer_bytes:
                return None
            self._free = max(self._free, now) + size / bytes_s
            wait = self._free - now
        way = (conditions.latency_ms + jitter * conditions.jitter_ms) / 1000
        if overtaken < conditions.reorder:
            way += max(_OVERTAKEN, way)
        return wait + way


def _bound_towards(host: str, port: int) -> socket.socket:
    """A socket at the address of this machine from which ``host`` is reached."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as trying:
        trying.connect((host, port))
        address = trying.getsockname()[0]
    bound = socket.socket(family, socket.SOCK_DGRAM)
    bound.setblocking(False)
    bound.bind((address, 0))
    return bound


def rerouted(sdp: str, route: Callable[[str, int], tuple[str, int]]) -> str:
    """Return an answer whose candidates (RFC 8839 section 5.1) lead by way of ``route``."""
    lines = []
    for line in sdp.splitlines():
        parts = line.split(" ")
        if line.startswith("a=candidate:") and len(parts) > 5:
            host, port = route(parts[4], int(parts[5]))
            parts[4:6] = host, str(port)
        lines.append(" ".join(parts))
    return "\r\n".join(lines) + "\r\n"
