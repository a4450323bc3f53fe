"""The board's tools as legacy iot things, for servers that do not know MCP; loaded when one shows up.

self.thing.method is method `method` of `thing`; self.method belongs to the thing "board".
"""

from posewire_fw import log
from posewire_fw.tool_answers import ParameterError, call


class Iot:
    """The messages to a server that knows iot things only. send(message) sends a text message."""

    def __init__(self, tools, send):
        self._tools = tools
        self._send = send
        self._things = []

    def announce(self):
        """Begin to describe the board's things; send_next() does the rest."""
        self._things = descriptors(self._tools)
        if not self._things:
            self._send_states()

    def send_next(self):
        """Send the next description, if one is left. One at a time: all at once would not fit into the link's queue."""
        if self._things:
            thing = self._things.pop(0)
            self._offer(thing["name"], {"type": "iot", "descriptors": [thing]})
            if not self._things:
                self._send_states()

    def obey(self, commands):
        """Carry out what the server wants, and say how things are."""
        for command in commands:
            handle_command(self._tools, command)
        self._send_states()

    def _send_states(self):
        self._offer("states", {"type": "iot", "states": states(self._tools)})

    def _offer(self, name, message):
        try:
            self._send(message)
        except (ValueError, MemoryError) as exc:
            log.error("tools", "iot: %s is left out: %s", name, exc)


def descriptors(tools):
    """The things that these tools and values make up, as iot descriptors."""
    things = {}
    for tool in tools.all:
        thing, method = _split(tool.name)
        parameters = {}
        for name, schema in tool.properties.items():
            kind = "number" if schema["type"] == "integer" else schema["type"]
            parameters[name] = {"description": schema.get("description", name), "type": kind}
        _thing(things, thing)["methods"][method] = {"description": tool.description, "parameters": parameters}
    for thing, name, description, kind, _ in tools.values:
        _thing(things, thing)["properties"][name] = {"description": description, "type": kind}
    return list(things.values())


def states(tools):
    """The present values, as iot states."""
    states = {}
    for thing, name, _, _, fn in tools.values:
        states.setdefault(thing, {})[name] = fn()
    return [{"name": thing, "state": state} for thing, state in states.items()]


def handle_command(tools, command):
    """Carry out one iot command; what does not fit is logged."""
    name = command.get("name")
    method = command.get("method")
    tool = tools.find("self.%s" % method if name == "board" else "self.%s.%s" % (name, method))
    if tool is None:
        log.warning("tools", "no such iot method: %s.%s", name, method)
        return
    arguments = command.get("parameters") or {}
    try:
        call(tool, arguments)
    except ParameterError as exc:
        log.warning("tools", "iot: %s", exc)
    except Exception as exc:
        log.exception("tools", "%s failed" % tool.name, exc)
    else:
        tools.called(tool.name, arguments)


def _split(name):
    parts = name.split(".")
    if parts[0] == "self":
        parts = parts[1:]
    if len(parts) == 1:
        return "board", parts[0]
    return parts[0], ".".join(parts[1:])


def _thing(things, name):
    if name not in things:
        things[name] = {"name": name, "description": name, "properties": {}, "methods": {}}
    return things[name]
