"""Home Assistant's REST API, over a real socket."""

import asyncio
import json
from typing import Any


class Home:
    """The documented part that the tools use: states, one state, services, behind a token."""

    def __init__(self) -> None:
        self.requests: list[tuple[str, str, Any]] = []
        self.broken = False
        """Answers are not JSON."""

        self.states: dict[str, dict[str, Any]] = {
            "light.kitchen": {"state": "off", "attributes": {"friendly_name": "Kitchen Light"}},
            "light.desk": {"state": "on", "attributes": {"friendly_name": "Desk Light"}},
            "sensor.outside": {
                "state": "7.5",
                "attributes": {"friendly_name": "Outside temperature", "unit_of_measurement": "°C"},
            },
            "lock.door": {"state": "locked", "attributes": {"friendly_name": "Front door"}},
        }

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while head := await reader.readuntil(b"\r\n\r\n"):
                lines = head.decode().split("\r\n")
                method, path, _ = lines[0].split()
                headers = {line.split(": ")[0].lower(): line.split(": ")[1] for line in lines[1:] if ": " in line}
                body = await reader.readexactly(int(headers.get("content-length", 0)))
                status, answer = self.answer(method, path, json.loads(body or b"null"), headers)
                data = "oops" if self.broken else json.dumps(answer)
                writer.write(
                    f"HTTP/1.1 {status} X\r\nContent-Type: application/json\r\n"
                    f"Content-Length: {len(data.encode())}\r\n\r\n{data}".encode()
                )
        except asyncio.IncompleteReadError:
            writer.close()

    def answer(self, method: str, path: str, body: Any, headers: dict[str, str]) -> tuple[int, Any]:
        self.requests.append((method, path, body))
        if headers.get("authorization") != "Bearer secret":
            return 401, {"message": "Unauthorized"}
        match method, path.split("/")[2:]:
            case "GET", ["states"]:
                return 200, [{"entity_id": name, **state} for name, state in self.states.items()]
            case "GET", ["states", name] if name in self.states:
                return 200, {"entity_id": name, **self.states[name]}
            case "POST", ["services", _, ("turn_on" | "turn_off") as service]:
                self.states[body["entity_id"]]["state"] = service.removeprefix("turn_")
                return 200, [{"entity_id": body["entity_id"], **self.states[body["entity_id"]]}]
        return 404, {"message": "Entity not found."}
