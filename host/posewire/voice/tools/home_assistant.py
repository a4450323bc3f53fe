"""Home Assistant as tools, over its REST API (developers.home-assistant.io/docs/api/rest)."""

import re
from collections.abc import Mapping
from typing import Annotated, Any

from posewire.config import read_secret
from posewire.errors import ConfigError, ToolError
from posewire.http_client import HttpClient, HttpError
from posewire.ttl_cache import TtlCache
from posewire.voice.tools.base import ToolContext, ToolInfo, ToolOutput
from posewire.voice.tools.functions import FunctionExecutor, tool
from posewire.voice.tools.settings import HomeAssistantSettings
from posewire.wire.json_shape import as_object
from posewire.wire.json_text import parse_json

_TIMEOUT = 10.0
STATES_TTL = 5.0
"""Seconds for which the list of states is cached."""

_MAX_LISTED = 60
_ENTITY = re.compile(r"[a-z0-9_]+\.[a-z0-9_]+")
_SERVICE = re.compile(r"[a-z0-9_]+")

State = Mapping[str, Any]

Entity = Annotated[str, "an entity id such as light.kitchen, or its name as people say it"]


class HomeAssistantExecutor:
    """Four tools: list, state, turn on or off, and any service of the domains that the settings allow.

    Raises:
        ConfigError: the token cannot be read.
    """

    kind = "home-assistant"

    def __init__(self, settings: HomeAssistantSettings, states: TtlCache[str, list[State]] | None = None) -> None:
        token = read_secret("[tools.home_assistant]", settings.token_file, settings.token_env, needed=True)
        if not token:
            raise ConfigError(
                "[tools.home_assistant] needs token_env or token_file, which must hold a long-lived access token"
            )
        self._domains = settings.domains
        self._states = TtlCache[str, list[State]](1, STATES_TTL) if states is None else states
        self._api = settings.url.rstrip("/") + "/api/"
        self._client = HttpClient(_TIMEOUT, token)
        self._functions = FunctionExecutor([self.list_entities, self.get_state, self.turn, self.call_service])

    def available(self) -> Mapping[str, ToolInfo]:
        """Return the four tools."""
        return self._functions.available()

    async def call(self, name: str, arguments: Mapping[str, Any], context: ToolContext) -> ToolOutput:
        """Call one of the tools for Home Assistant.

        Raises:
            ToolError: Home Assistant cannot be reached or refuses, or the entity is unknown or not allowed.
        """
        return await self._functions.call(name, arguments, context)

    async def close(self) -> None:
        """Close the connections."""
        self._functions.close()
        await self._client.close()

    # --- the tools

    @tool("home.list")
    async def list_entities(self, domain: Annotated[str, "such as light or switch; empty for all"] = "") -> str:
        """List the lights, switches, sensors and other things of the home with their states."""
        lines = [
            f"{state['entity_id']}: {_name(state)}: {_value(state)}"
            for state in await self._known()
            if not domain or state["entity_id"].startswith(f"{domain}.")
        ]
        more = len(lines) - _MAX_LISTED
        return "\n".join(lines[:_MAX_LISTED] + ([f"and {more} more"] if more > 0 else [])) or "nothing"

    @tool("home.state")
    async def get_state(self, entity: Entity) -> str:
        """Tell the state of a thing of the home."""
        found = await self._find(entity)
        state = await self._request("GET", f"states/{found['entity_id']}")
        if not isinstance(state, dict):
            raise ToolError("Home Assistant's state is not an object")
        return f"{_name(found)}: {_value(state)}"

    @tool("home.turn")
    async def turn(self, entity: Entity, on: Annotated[bool, "true for on, false for off"]) -> str:
        """Turn a thing of the home on or off."""
        found = await self._find(entity)
        await self._service("homeassistant", "turn_on" if on else "turn_off", {"entity_id": found["entity_id"]})
        return f"{_name(found)} is {'on' if on else 'off'}"

    @tool("home.call")
    async def call_service(
        self,
        service: Annotated[str, "domain and service, such as light.turn_on or climate.set_temperature"],
        entity: Entity,
        data: Annotated[dict[str, Any] | None, 'more of the service\'s own, such as {"brightness_pct": 40}'] = None,
    ) -> str:
        """Call a service of the home for one thing."""
        domain, _, name = service.partition(".")
        if not _SERVICE.fullmatch(domain) or not _SERVICE.fullmatch(name):
            raise ToolError(f"{service} is not a service like light.turn_on")
        if domain not in self._domains:
            raise ToolError(f"services of {domain} are not allowed here")
        found = await self._find(entity)
        # The entity last: data must not name another one.
        await self._service(domain, name, {**(data or {}), "entity_id": found["entity_id"]})
        return f"{service} was called for {_name(found)}"

    async def _find(self, entity: str) -> State:
        states = await self._known()
        wanted = " ".join(entity.lower().split())
        matches = [state for state in states if state["entity_id"] == wanted]
        matches = matches or [state for state in states if _name(state).lower() == wanted]
        matches = matches or [state for state in states if wanted and wanted in _name(state).lower()]
        if not matches:
            raise ToolError(f"the home has nothing called {entity[:80]}")
        if len(matches) > 1:
            names = ", ".join(state["entity_id"] for state in matches[:5])
            raise ToolError(f"{entity[:80]} may be one of {names}: say which")
        return matches[0]

    async def _known(self) -> list[State]:
        states = self._states.get("states")
        if states is None:
            found = await self._request("GET", "states")
            if not isinstance(found, list):
                raise ToolError("Home Assistant's list of states is not a list")
            states = [state for state in found if isinstance(state, dict) and self._allowed(state.get("entity_id"))]
            self._states.put("states", states)
        return states

    def _allowed(self, entity: object) -> bool:
        return isinstance(entity, str) and bool(_ENTITY.fullmatch(entity)) and entity.partition(".")[0] in self._domains

    async def _service(self, domain: str, name: str, data: Mapping[str, Any]) -> None:
        await self._request("POST", f"services/{domain}/{name}", json=data)
        self._states.clear()

    async def _request(self, method: str, path: str, **content: Any) -> Any:
        try:
            async with self._client.request(method, self._api + path, **content) as response:
                body = await response.read()
        except HttpError as error:
            raise ToolError(f"Home Assistant {error}") from None
        if response.status == 401:
            raise ToolError("Home Assistant refuses the token")
        if not response.ok:
            raise ToolError(f"Home Assistant answers {response.status}: {body.decode(errors='replace')[:200]}")
        try:
            return parse_json(body)
        except ValueError:
            raise ToolError("Home Assistant's answer is not JSON") from None


def _name(state: State) -> str:
    return str(as_object(state.get("attributes")).get("friendly_name") or state["entity_id"])


def _value(state: State) -> str:
    unit = as_object(state.get("attributes")).get("unit_of_measurement")
    return f"{state.get('state', 'unknown')} {unit or ''}".strip()
