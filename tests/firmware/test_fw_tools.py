"""The board as an MCP server, and the same tools as legacy iot things."""

import json
import os

from fw_support import raises
from posewire_fw import iot
from posewire_fw.tool_answers import PAGE_BYTES
from posewire_fw.tools import Tools, boolean, integer, string


class Lamp:
    """Something with tools, and a memory of what was done to it."""

    def __init__(self, tools):
        self.done = []
        tools.tool(
            "self.lamp.set", "Set the lamp.", {"level": integer(0, 100), "slow": boolean(default=False)}, self.set
        )
        tools.tool("self.lamp.say", "Show a word.", {"word": string(choices=("hello", "bye"))}, self.say)
        tools.tool("self.lamp.read", "Read it.", {}, lambda: {"level": 3})
        tools.tool("self.break", "Fails.", {}, self.fail)
        tools.value("lamp", "level", "the level", "number", lambda: 3)

    def set(self, level, slow):
        self.done.append((level, slow))

    def say(self, word):
        self.done.append(word)
        return "said " + word

    def fail(self):
        raise OSError(5)


def board():
    calls = []
    tools = Tools("sim", lambda name, arguments: calls.append((name, arguments)))
    return tools, Lamp(tools), calls


def rpc(tools, method, params=None, number=7):
    request = {"jsonrpc": "2.0", "id": number, "method": method}
    if params is not None:
        request["params"] = params
    reply = tools.handle_rpc(request)
    assert reply["jsonrpc"] == "2.0"
    assert reply["id"] == number
    json.dumps(reply)
    return reply


def call(tools, name, arguments=None):
    return rpc(tools, "tools/call", {"name": name, "arguments": arguments})


def test_initialize():
    tools, _, _ = board()
    result = rpc(tools, "initialize", {"protocolVersion": "2024-11-05", "capabilities": {}})["result"]
    assert result["protocolVersion"] == "2024-11-05"
    assert result["capabilities"] == {"tools": {}}
    assert result["serverInfo"]["name"] == "sim"


def test_list_tells_types_ranges_and_what_is_required():
    tools, _, _ = board()
    listed = {tool["name"]: tool for tool in rpc(tools, "tools/list")["result"]["tools"]}
    schema = listed["self.lamp.set"]["inputSchema"]
    assert schema["properties"]["level"] == {"type": "integer", "minimum": 0, "maximum": 100}
    assert schema["properties"]["slow"] == {"type": "boolean", "default": False}
    assert schema["required"] == ["level"]
    assert listed["self.lamp.say"]["inputSchema"]["properties"]["word"]["enum"] == ["hello", "bye"]


def test_list_goes_out_in_pages():
    tools = Tools("sim", lambda name, arguments: None)
    for number in range(40):
        tools.tool("self.thing.tool%02d" % number, "A tool that is described at some length. " * 3, {}, lambda: None)
    names = []
    cursor = None
    pages = 0
    while True:
        result = rpc(tools, "tools/list", {"cursor": cursor} if cursor else {})["result"]
        assert len(json.dumps(result)) < PAGE_BYTES + 400
        names += [tool["name"] for tool in result["tools"]]
        pages += 1
        cursor = result.get("nextCursor")
        if not cursor:
            break
    assert names == ["self.thing.tool%02d" % number for number in range(40)]
    assert pages > 3
    assert rpc(tools, "tools/list", {"cursor": "self.nothing"})["error"]["code"] == -32602


def test_a_call_reaches_the_function_and_is_told():
    tools, lamp, calls = board()
    result = call(tools, "self.lamp.set", {"level": 40})["result"]
    assert result == {"content": [{"type": "text", "text": "true"}], "isError": False}
    assert lamp.done == [(40, False)]
    assert calls == [("self.lamp.set", {"level": 40})]
    assert call(tools, "self.lamp.say", {"word": "bye"})["result"]["content"][0]["text"] == "said bye"
    assert json.loads(call(tools, "self.lamp.read")["result"]["content"][0]["text"]) == {"level": 3}


def test_bad_arguments_are_refused_and_nothing_happens():
    tools, lamp, calls = board()
    for arguments in (
        {},
        {"level": 101},
        {"level": -1},
        {"level": "40"},
        {"level": True},
        {"level": 1.5},
        {"level": 1, "slow": 1},
        {"level": 1, "colour": "red"},
        [1],
        "level",
    ):
        assert call(tools, "self.lamp.set", arguments)["error"]["code"] == -32602
    assert call(tools, "self.lamp.say", {"word": "shout"})["error"]["code"] == -32602
    assert "0..100" in call(tools, "self.lamp.set", {"level": 101})["error"]["message"]
    assert lamp.done == []
    assert calls == []


def test_a_whole_number_may_come_as_a_float():
    tools, lamp, _ = board()
    call(tools, "self.lamp.set", {"level": 40.0})
    assert lamp.done == [(40, False)]


def test_errors_have_their_codes():
    tools, _, _ = board()
    assert call(tools, "self.nothing")["error"]["code"] == -32602
    assert rpc(tools, "resources/list")["error"]["code"] == -32601
    assert rpc(tools, "tools/list", [])["error"]["code"] == -32602
    assert tools.handle_rpc({"id": 1, "method": "tools/list"})["error"]["code"] == -32600
    assert tools.handle_rpc({"jsonrpc": "1.0", "id": 1, "method": "ping"})["error"]["code"] == -32600
    assert tools.handle_rpc({"jsonrpc": "2.0", "id": 1})["error"]["code"] == -32600
    assert tools.handle_rpc([])["error"]["code"] == -32600


def test_notifications_are_not_answered():
    tools, _, _ = board()
    assert tools.handle_rpc({"jsonrpc": "2.0", "method": "notifications/initialized"}) is None
    assert tools.handle_rpc({"jsonrpc": "2.0", "method": "tools/list"}) is None


def test_a_tool_that_fails_is_an_error_result_not_a_crash():
    tools, _, calls = board()
    result = call(tools, "self.break")["result"]
    assert result["isError"] is True
    assert "self.break" in result["content"][0]["text"]
    assert calls == []


def test_declarations_that_make_no_sense_are_refused():
    tools, _, _ = board()
    raises(ValueError, tools.tool, "self.lamp.set", "again", {}, lambda: None)
    raises(ValueError, tools.tool, "self.odd", "odd", {"x": {"type": "array"}}, lambda: None)


def test_iot_descriptors_come_from_the_same_declarations():
    tools, _, _ = board()
    things = {thing["name"]: thing for thing in iot.descriptors(tools)}
    assert set(things) == {"lamp", "board"}
    assert things["lamp"]["properties"]["level"]["type"] == "number"
    assert things["lamp"]["methods"]["set"]["parameters"]["level"]["type"] == "number"
    assert things["lamp"]["methods"]["say"]["parameters"]["word"]["type"] == "string"
    assert iot.states(tools) == [{"name": "lamp", "state": {"level": 3}}]


def test_iot_commands_call_the_same_tools():
    tools, lamp, calls = board()
    iot.handle_command(tools, {"name": "lamp", "method": "set", "parameters": {"level": 9}})
    iot.handle_command(tools, {"name": "lamp", "method": "set", "parameters": {"level": 900}})
    iot.handle_command(tools, {"name": "lamp", "method": "nothing"})
    iot.handle_command(tools, {"name": "board", "method": "break"})
    assert lamp.done == [(9, False)]
    assert calls == [("self.lamp.set", {"level": 9})]


def test_a_request_may_come_as_text_and_may_be_no_json():
    tools, _, _ = board()
    assert tools.handle_rpc('{"jsonrpc":"2.0","id":1,"method":"ping"}') == {"jsonrpc": "2.0", "id": 1, "result": {}}
    error = tools.handle_rpc("{nonsense")
    assert error["id"] is None
    assert error["error"]["code"] == -32700
    for request, code in (
        (7, -32600),
        ({"id": 1, "method": "ping"}, -32600),
        ({"jsonrpc": "2.0", "id": 1}, -32600),
        ({"jsonrpc": "2.0", "id": 1, "method": "dance"}, -32601),
        ({"jsonrpc": "2.0", "id": 1, "method": "ping", "params": 3}, -32602),
    ):
        assert tools.handle_rpc(request)["error"]["code"] == code


def listed(tools):
    """All tools that the board lists, page by page; every page fits into a message."""
    found = {}
    cursor = None
    while True:
        answer = rpc(tools, "tools/list", {"cursor": cursor} if cursor else {})
        message = {"type": "mcp", "payload": answer, "session_id": "0" * 36}
        assert len(json.dumps(message).encode()) <= tools.longest
        for tool in answer["result"]["tools"]:
            found[tool["name"]] = tool
        cursor = answer["result"].get("nextCursor")
        if not cursor:
            return found


def test_a_tool_too_long_to_list_is_cut_or_left_out_by_name_and_hides_no_other():
    for longest in (1664, 4096):
        for letter in ("x", "ü", "\n", "🙂"):
            tools = Tools("bench", lambda name, arguments: None)
            tools.longest = longest
            reports = []
            tools.report = lambda name, data=None: reports.append((name, data["part"]))
            tools.tool("self.first", "First.", {}, lambda: None)
            tools.tool("self.novel", letter * 5000, {}, lambda: None)
            tools.tool("self.form", "Form.", {"a": string(letter * 5000)}, lambda a: a)
            tools.tool("self.last", letter * 90, {}, lambda: None)
            found = listed(tools)
            assert sorted(found) == ["self.first", "self.last", "self.novel"]
            assert found["self.novel"]["description"].endswith("…")
            assert found["self.last"]["description"] == letter * 90
            assert ("left_out", "self.form") in reports
            # Called it can be all the same.
            assert (
                rpc(tools, "tools/call", {"name": "self.form", "arguments": {"a": "x"}})["result"]["isError"] is False
            )


def test_a_result_too_long_to_send_is_said_to_be():
    tools = Tools("bench", lambda name, arguments: None)
    tools.tool("self.dump", "All.", {}, lambda: "x" * 40000)
    error = rpc(tools, "tools/call", {"name": "self.dump"})["error"]
    assert "40000 characters" in error["message"] and "4096" in error["message"]


def settings(tools):
    found = {}
    cursor = ""
    for _ in range(20):
        result = rpc(tools, "settings/list", {"cursor": cursor} if cursor else None)["result"]
        assert len(json.dumps(result)) < PAGE_BYTES + 400
        for entry in result["settings"]:
            found[entry["name"]] = entry
        cursor = result.get("nextCursor")
        if not cursor:
            return found
    raise AssertionError("it does not end")


def test_settings_are_told_but_no_secret():
    tools, _, _ = board()
    found = settings(tools)
    assert found["audio.volume"]["default"] == 70
    assert found["audio.volume"]["is"] == "0..100"
    assert "ntp" in found
    for name in ("host.token", "wifi", "client_id"):
        assert name not in found
        assert rpc(tools, "settings/set", {"name": name, "value": ""})["error"]["code"] == -32602
    assert rpc(tools, "settings/list", {"cursor": "no such"})["error"]["code"] == -32602
    assert rpc(tools, "settings/forget")["error"]["code"] == -32601


def test_a_setting_is_checked_and_kept():
    tools, _, _ = board()
    before = os.getcwd()
    folder = "settings_of_a_test"
    os.mkdir(folder)
    os.chdir(folder)
    try:
        assert rpc(tools, "settings/set", {"name": "audio.volume", "value": 30})["result"] == {"restart": True}
        assert rpc(tools, "settings/set", {"name": "pose.room", "value": "studio"})["result"] == {"restart": True}
        for params, words in (
            ({"name": "audio.volume", "value": 101}, "audio.volume must be 0..100, is 101"),
            ({"name": "audio.volume"}, "needs a value"),
            ({"name": "nothing", "value": 1}, "no such setting: nothing"),
        ):
            assert words in rpc(tools, "settings/set", params)["error"]["message"]
        found = settings(tools)
        assert (found["audio.volume"]["value"], found["pose.room"]["value"]) == (30, "studio")
    finally:
        for name in os.listdir():
            os.remove(name)
        os.chdir(before)
        os.rmdir(folder)
