"""What commands say when the host is not there, is none, or does not let them in: the same words everywhere."""

import contextlib
import http.server
import json
import socket
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from websockets.sync.server import ServerConnection, serve

from posewire import cli
from posewire.server.host_process import HostProcess
from support.certificates import self_signed

TOKEN = "a-token-of-the-tests"
Fail = Callable[..., str]

OVER_HTTP = [
    ("top", "--once"),
    ("tools", "--devices"),
    ("say", "kitchen", "hello"),
    ("ask", "--device", "kitchen", "x"),
]
SCOPES = {"say": "operator.act", "ask": "operator.act"}
OVER_WEBSOCKET = [
    ("record", "studio", "{folder}/x.pwrec", "--store", "{folder}/s.db", "--seconds", "9"),
    ("bridge", "osc", "--room", "studio", "--listen", "0", "--seconds", "9"),
]
EVERY = [*OVER_HTTP, *OVER_WEBSOCKET]


def written(folder: Path, **sections: str) -> str:
    file = folder / "posewire.toml"
    lines = ["[voice]\nenabled = false\n[mdns]\nname = ''", f'[store]\npath = "{folder}/store.db"']
    file.write_text("\n".join([*lines, *(f"[{name}]\n{text}" for name, text in sections.items())]))
    return str(file)


@pytest.fixture(scope="module")
def host(tmp_path_factory: pytest.TempPathFactory) -> Iterator[HostProcess]:
    config = written(tmp_path_factory.mktemp("host"), auth='token_scopes = ["room.join:hall"]')
    with HostProcess("--config", config, "--token", TOKEN) as running:
        yield running


@pytest.fixture
def fail(capsys: pytest.CaptureFixture[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Fail:
    """``fail(words, url, token)`` returns what a command that fails says, without its own name."""
    monkeypatch.delenv("POSEWIRE_TOKEN", raising=False)

    def run(words: tuple[str, ...], url: str, token: str = "") -> str:
        arguments = [word.replace("{folder}", str(tmp_path)) for word in words]
        assert cli.main([*arguments, "--url", url, "--token", token]) == 2
        said = capsys.readouterr()
        assert said.out == ""
        assert len(said.err.splitlines()) == 1
        return said.err.strip().removeprefix("posewire: ")

    return run


def test_no_host(fail: Fail) -> None:
    for words in EVERY:
        said = fail(words, "ws://127.0.0.1:9")
        assert "127.0.0.1:9 cannot be reached (Connection refused): is posewire serve running there?" in said
        assert said.endswith("Another address: --url, or POSEWIRE_URL")


@pytest.mark.parametrize("words", [EVERY[0], EVERY[-1]], ids=" ".join)
def test_a_name_that_nobody_has(fail: Fail, words: tuple[str, ...]) -> None:
    assert "cannot be reached (its name is not known)" in fail(words, "ws://no-such-host.invalid:8000")


def test_no_token_and_a_wrong_one(fail: Fail, host: HostProcess) -> None:
    there = f"127.0.0.1:{host.port}"
    for words in EVERY:
        assert f"{there} wants a token: give one with --token, or POSEWIRE_TOKEN" in fail(words, host.url)
        wrong = fail(words, host.url, "wrong")
        assert f"{there} refuses the token (the token is not known here, or was revoked): give one with" in wrong


def test_a_token_that_may_not(fail: Fail, host: HostProcess) -> None:
    for words in EVERY:
        scope = "room.join:studio" if words in OVER_WEBSOCKET else SCOPES.get(words[0], "operator.read")
        said = fail(words, host.url, TOKEN)
        assert f"may not do this without the scope {scope}: posewire tokens issue NAME --scope {scope}" in said


@contextlib.contextmanager
def a_web_server() -> Iterator[int]:
    class Quiet(http.server.SimpleHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Quiet) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.server_address[1]
        server.shutdown()


@contextlib.contextmanager
def another_websocket() -> Iterator[int]:
    def greet(peer: ServerConnection) -> None:
        for _ in peer:
            peer.send("welcome to the chat")

    with serve(greet, "127.0.0.1", 0) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        yield server.socket.getsockname()[1]


@contextlib.contextmanager
def who_hangs_up() -> Iterator[int]:
    def accept() -> None:
        with contextlib.suppress(OSError):
            while True:
                server.accept()[0].close()

    with socket.create_server(("127.0.0.1", 0)) as server:
        threading.Thread(target=accept, daemon=True).start()
        yield server.getsockname()[1]
        server.shutdown(socket.SHUT_RDWR)


@pytest.mark.parametrize("words", [EVERY[0], EVERY[-1]], ids=" ".join)
def test_what_is_no_host(fail: Fail, words: tuple[str, ...]) -> None:
    for other in (a_web_server, another_websocket):
        with other() as port:
            said = fail(words, f"ws://127.0.0.1:{port}")
            assert f"127.0.0.1:{port} is not a Posewire host (it " in said
            assert "give the address of a host with --url, or POSEWIRE_URL" in said
    with who_hangs_up() as port:
        assert fail(words, f"ws://127.0.0.1:{port}").startswith("the host at ")


@pytest.mark.parametrize("words", [EVERY[0], EVERY[-1]], ids=" ".join)
def test_tls_on_one_side_only(fail: Fail, host: HostProcess, words: tuple[str, ...], tmp_path: Path) -> None:
    there = f"127.0.0.1:{host.port}"
    said = fail(words, f"wss://{there}", TOKEN)
    assert f"{there} does not speak TLS: write " in said
    assert said.endswith(f"//{there}")
    certificate, key = self_signed(tmp_path)
    config = written(tmp_path, server=f'certificate = "{certificate}"\nkey = "{key}"')
    with HostProcess("--config", config) as secured:
        there = f"127.0.0.1:{secured.port}"
        assert f"{there} speaks TLS: write " in fail(words, f"ws://{there}")
        assert "name the file of its authority's certificate in the variable SSL_CERT_FILE" in fail(words, secured.url)


def test_a_program_reads_the_code(capsys: pytest.CaptureFixture[str], host: HostProcess) -> None:
    found = []
    for url in ("ws://127.0.0.1:9", host.url, f"wss://127.0.0.1:{host.port}"):
        assert cli.main(["top", "--once", "--json", "--url", url]) == 2
        said = capsys.readouterr()
        error = json.loads(said.out)["error"]
        assert error["message"] in said.err
        found.append(error["code"])
    assert found == ["not_available", "unauthorized", "tls"]


def test_a_simulated_board_says_the_same(capsys: pytest.CaptureFixture[str], host: HostProcess) -> None:
    told = []
    for url, token in (("ws://127.0.0.1:9", ""), (host.url, "wrong"), (host.url, "")):
        assert cli.main(["sim", "device", "--url", url, "--token", token, "--json"]) == 1
        said = capsys.readouterr()
        error = json.loads(said.out)["error"]
        assert f"failed: {error['message']}: {error['remedy']}" in said.err
        told.append((error["code"], error["message"].partition(f"127.0.0.1:{host.port} ")[2]))
    refused = ("unauthorized", "refuses the token (the token is not known here, or was revoked)")
    assert told == [("not_available", ""), refused, ("unauthorized", "wants a token")]
