"""A device's side of MCP: its tools, listed and called."""

from typing import Any

from support.peers import Peer


async def answer(peer: Peer, pages: list[list[str]], calls: list[dict[str, Any]] | None = None) -> None:
    """Answer as a device does that lists its tools in pages, until the connection closes; note the calls.

    ``self.broken`` has an error as its answer, ``self.fails`` is an error, ``self.silent`` is not answered.
    """
    calls = [] if calls is None else calls
    while True:
        payload = (await peer.receive("mcp"))["payload"]
        reply: dict[str, Any] = {"jsonrpc": "2.0", "id": payload["id"]}
        match payload["method"]:
            case "initialize":
                reply["result"] = {"protocolVersion": "2024-11-05", "capabilities": {"tools": {}}}
            case "tools/list":
                page = int(payload["params"].get("cursor", "0"))
                tools = [{"name": name, "description": name, "inputSchema": {"type": "object"}} for name in pages[page]]
                more = str(page + 1) if page + 1 < len(pages) else ""
                reply["result"] = {"tools": tools, "nextCursor": more}
            case "settings/list" | "settings/set":
                reply["error"] = {"code": -32601, "message": f"no such method: {payload['method']}"}
            case "tools/call":
                calls.append(payload["params"])
                name = payload["params"]["name"]
                if name == "self.broken":
                    reply["error"] = {"message": "it is broken"}
                elif name == "self.silent":
                    continue
                else:
                    reply["result"] = {"content": [{"type": "text", "text": "done"}], "isError": name == "self.fails"}
        await peer.send(type="mcp", payload=reply)
