"""The errors of the JavaScript client: the classes, codes and words of Python's, so that none drifts from the other."""

import inspect
import json
import subprocess
from pathlib import Path
from typing import Any

import pytest

from posewire import errors, host_problems
from posewire.errors import PosewireError
from riscv.machine import ROOT
from support.programs.node import find_node

CLIENT = ROOT / "host/posewire/web/client"
URL = "wss://host.example:8443/posewire/v1/"
ANSWERS = [
    (401, {"type": "error", "code": "unauthorized", "message": "the token is not known"}, True),
    (401, {"type": "error", "code": "unauthorized", "message": "a token is missing"}, False),
    (403, {"code": "forbidden", "message": "a page of http://a.example may not use this host"}, False),
    (429, {"code": "too_many", "message": "this address has too many connections"}, True),
    (400, {"code": "tls", "message": "this port speaks TLS"}, False),
    (503, {"code": "not_available", "message": "the host is shutting down"}, False),
    (502, "<h1>Bad Gateway</h1>", False),
    (404, "nothing here", False),
    (200, {"hello": "world"}, False),
    (500, [], False),
]


def run(program: str) -> Any:
    """Run a JavaScript program in Node, beside the client; return what it prints, which is JSON."""
    command = [find_node(), "--input-type=module", "-e", program]
    done = subprocess.run(command, capture_output=True, text=True, cwd=CLIENT)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_each_class_is_one_of_pythons_with_its_code_and_its_parent() -> None:
    found = run(
        """
        import * as errors from "./errors.js";
        console.log(JSON.stringify(Object.fromEntries(Object.values(errors).map((Kind) =>
          [new Kind("why").name, [Kind.name, new Kind("why").code, Object.getPrototypeOf(Kind).name]]))));
        """
    )
    wanted = {
        name: [name, kind.code, kind.__bases__[0].__name__]
        for name, kind in inspect.getmembers(errors, inspect.isclass)
        if name in found
    }
    assert found == wanted | {"PosewireError": ["PosewireError", "internal", "Error"]}
    # Every class that a program in Python meets between itself and its host is there.
    assert set(found) >= {
        "ConfigError", "WireError", "FrameError", "PoseError", "HostUnreachableError", "UnauthorizedError",
        "NotConnectedError", "AnswerTimeoutError", "QueueFullError", "NotDeliveredError",
    }  # fmt: skip


def test_an_answer_in_place_of_a_websocket_is_told_in_pythons_words() -> None:
    answers = [
        [status, body if isinstance(body, str) else json.dumps(body), with_token]
        for status, body, with_token in ANSWERS
    ]
    found = run(
        f"""
        import {{ refused }} from "./link/host_problems.js";
        console.log(JSON.stringify({json.dumps(answers)}.map((answer) => {{
          const error = refused(new URL("{URL}"), ...answer);
          return [error.name, error.code, error.message];
        }})));
        """
    )
    told = [host_problems.refused(URL, status, body.encode(), with_token) for status, body, with_token in answers]
    assert found == [[type(error).__name__, error.code, str(error)] for error in told]


@pytest.mark.parametrize("url", ["ws://user:secret@127.0.0.1:8000/posewire/v1/", "wss://a.example/x?y=z"])
def test_silence_and_strangers_are_told_in_pythons_words(url: str) -> None:
    found = run(
        f"""
        import {{ noHost, silent, wantsTls }} from "./link/host_problems.js";
        const url = new URL("{url}");
        const told = [silent(url, "does not answer in time"), noHost(url, "it answers 404"), wantsTls(url)];
        console.log(JSON.stringify(told.map((error) => [error.code, error.message])));
        """
    )
    told: list[PosewireError] = [
        host_problems.silent(url, "does not answer in time"),
        host_problems.no_host(url, "it answers 404"),
        host_problems.wants_tls(url),
    ]
    assert found == [[error.code, str(error)] for error in told]


def test_every_error_that_the_client_throws_is_of_the_tree() -> None:
    """``code`` is on all of them: a plain Error, RangeError or TypeError has none."""
    for file in Path(CLIENT).rglob("*.js"):
        for plain in ("new Error(", "new RangeError(", "new TypeError("):
            assert plain not in file.read_text(encoding="utf-8"), f"{file.name}: {plain}"


def test_the_documents_list_every_code() -> None:
    codes = set(
        run('import * as e from "./errors.js"; console.log(JSON.stringify(Object.values(e).map((k) => k.code)))')
    )
    text = (ROOT / "docs/web-client.md").read_text(encoding="utf-8")
    assert {code for code in codes if f"`{code}`" not in text} == set()
