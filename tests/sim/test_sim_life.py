"""The accidents of months: networks go, files break, a board crashes or hangs. It is back without help."""

import json
import shutil
import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from posewire.boards.folders import firmware_folder
from posewire.provision.improv_client import ImprovClient
from posewire.server.host_process import HostProcess
from posewire.sim.board import SimBoard
from posewire.sim.fixtures import MakeBoard
from posewire.sim.memory_model import ROOMY_CHIP
from posewire.sim.parts.wifi import PASSWORD, SSID
from support.servers.small_host import SmallHost

TWO = {"wifi": [{"ssid": SSID, "password": PASSWORD}, {"ssid": "second", "password": "another one"}]}

HANG_ONCE = """
import machine, time
from posewire_fw import app

def register(tools, board):
    if machine.reset_cause() == machine.PWRON_RESET:
        app.on("connected", lambda session: time.sleep(1000))
"""

FILL_ONCE = """
import esp32, machine
from posewire_fw import app

kept = []


def fill(session):
    while sum([region[1] for region in esp32.idf_heap_info(esp32.HEAP_DATA)]) > 3000:
        kept.append(bytearray(1000))


def register(tools, board):
    if machine.reset_cause() == machine.PWRON_RESET:
        app.on("connected", fill)
"""


def connections(board: SimBoard) -> int:
    return sum(event.name == "connected" for event in list(board.events))


def wait_for_connection(board: SimBoard, number: int = 1) -> None:
    board.wait(lambda: connections(board) >= number, 40, f"connection {number}")


def said(board: SimBoard, text: str) -> bool:
    return any(text in line for line in list(board.log))


@pytest.fixture
def real_host(tmp_path: Path) -> HostProcess:
    config = tmp_path / "posewire.toml"
    config.write_text('[voice]\nenabled = false\n[store]\npath = ":memory:"\n')
    return HostProcess("--config", str(config))


def test_the_strongest_of_the_known_networks_is_joined(host: SmallHost, sim_board: MakeBoard) -> None:
    board = SimBoard(host.url, chip=ROOMY_CHIP, config=TWO, imu=False)
    board.wifi.rssi = -80
    board.wifi.add("second", "another one", -50)
    board.wifi.add("a stranger's", "", -30)
    with board:
        wait_for_connection(board)
        assert said(board, "connected to second")
        assert not said(board, "joining posewire-sim")
        # What worked is tried first after a restart, though the other one is stronger now.
        board.wifi.rssi = -40
        board.restart()
        wait_for_connection(board, 2)
        assert not said(board, "joining posewire-sim")
        # It goes away: the board finds the other one by itself.
        board.wifi.remove("second")
        wait_for_connection(board, 3)
        assert said(board, "connected to posewire-sim")


def test_a_wrong_password_is_said_and_shown_and_the_other_network_tried(host: SmallHost) -> None:
    board = SimBoard(host.url, chip=ROOMY_CHIP, config=TWO, imu=False)
    board.wifi.add("second", "changed since", -30)
    with board:
        wait_for_connection(board)
        assert said(board, "second does not take the password")
        assert said(board, "connected to posewire-sim")


def test_wifi_lost_and_back(host: SmallHost, sim_board: MakeBoard) -> None:
    board = sim_board(host.url, imu=False)
    wait_for_connection(board)
    board.wifi.drop()
    board.wait(lambda: not board.connected, 30, "the board to notice")
    board.wait(lambda: board.led.color[0] > 0 and board.led.color[2] > 0, 30, "the LED to say that Wi-Fi is looked for")
    board.wifi.restore()
    wait_for_connection(board, 2)


def test_a_name_that_does_not_resolve_any_more_is_no_obstacle(host: SmallHost, sim_board: MakeBoard) -> None:
    board = SimBoard(host.url.replace("127.0.0.1", "posewire.local"), chip=ROOMY_CHIP, imu=False)
    board.network.names["posewire.local"] = "127.0.0.1"
    with board:
        wait_for_connection(board)
        board.network.dns = False
        board.network.reset()
        wait_for_connection(board, 2)
        board.restart()
        wait_for_connection(board, 3)
        assert said(board, "posewire.local does not resolve: trying 127.0.0.1, where it was")


class Router(BaseHTTPRequestHandler):
    """Answers everything with a page of its own, as a router does that has lost the internet."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"<h1>No connection</h1>")

    def log_message(self, *args: object) -> None:
        pass


def test_a_name_that_led_to_the_wrong_machine_is_looked_up_again(host: SmallHost) -> None:
    port = urlsplit(host.url).port
    assert port is not None
    wrong = ThreadingHTTPServer(("127.0.0.2", port), Router)
    threading.Thread(target=wrong.serve_forever, daemon=True).start()
    try:
        board = SimBoard(host.url.replace("127.0.0.1", "posewire.local"), chip=ROOMY_CHIP, imu=False)
        board.network.names["posewire.local"] = "127.0.0.2"
        with board:
            board.wait(lambda: said(board, "the server answered 200"), 20, "the wrong machine's answer")
            board.network.names["posewire.local"] = "127.0.0.1"
            wait_for_connection(board)
    finally:
        wrong.shutdown()
        wrong.server_close()


def test_a_network_through_which_nothing_gets_is_left(host: SmallHost, tmp_path: Path) -> None:
    firmware = tmp_path / "firmware"
    shutil.copytree(firmware_folder(), firmware)
    module = firmware / "posewire_fw" / "connecting.py"
    patient = module.read_text()
    impatient = patient.replace("_FRUITLESS_MAX = const(10)", "_FRUITLESS_MAX = const(2)")
    assert impatient != patient
    module.write_text(impatient)  # a test has no minutes
    board = SimBoard(host.url, chip=ROOMY_CHIP, imu=False, config=TWO, firmware=firmware)
    board.wifi.add("second", "another one", -70)
    with board:
        wait_for_connection(board)
        assert said(board, "connected to posewire-sim")
        board.network.cut(refuse=True)
        board.network.reset()
        board.wait(lambda: said(board, "connected to second"), 40, "the board to try the other network")
        board.network.mend()
        wait_for_connection(board, 2)
        assert board.resets == 0


@pytest.mark.parametrize("text", ["", "{", '{"host": 5, "wifi": "x"}', "\x00\xff"])
def test_a_broken_configuration_leaves_a_board_that_can_be_reached(
    text: str, host: SmallHost, sim_board: MakeBoard
) -> None:
    board = sim_board(host.url.replace("127.0.0.1", "posewire.local"), imu=False)
    board.network.names["posewire.local"] = "127.0.0.1"
    wait_for_connection(board)
    board.kill()
    (board.flash / "config.json").write_text(text)
    (board.flash / "config.good").unlink(missing_ok=True)  # nor is there a copy of what last worked
    board.restart()
    board.wait(lambda: said(board, "setup: join the network"), 30, "the board's own page")
    assert said(board, "E config: ")
    client = ImprovClient(board.console)
    client.connect(20)
    assert client.set_host(host.url, "") == host.url
    client.set_wifi(SSID, PASSWORD)
    wait_for_connection(board, 2)
    assert json.loads((board.flash / "config.json").read_text())["host"]["url"] == host.url


def test_a_crash_is_told_to_the_host_with_its_traceback(real_host: HostProcess, sim_board: MakeBoard) -> None:
    with real_host as host:
        board = sim_board(host.url, imu=False)
        board.wait(lambda: host.logged("board_started"), 30, "the first report")
        board.kill()
        definition = (board.flash / "board.json").read_text()
        broken = json.loads(definition)
        broken["pins"]["button"] = "none"
        (board.flash / "board.json").write_text(json.dumps(broken))
        board.restart()
        board.wait(lambda: said(board, "E app: crashed"), 20, "the crash")
        (board.flash / "board.json").write_text(definition)
        wait_for_connection(board, 2)
        board.wait(lambda: host.logged("board_crashed"), 20, "the host to hear of it")
        assert "Traceback" in host.logged("board_crashed")[0]["what"]
        assert [entry["reset_cause"] for entry in host.logged("board_started")] == ["power on", "reset"]
        assert not (board.flash / "crash.txt").exists()


def test_a_board_that_hangs_is_reset_by_its_watchdog(real_host: HostProcess) -> None:
    with real_host as host:
        board = SimBoard(host.url, chip=ROOMY_CHIP, imu=False, config={"watchdog": {"enabled": True, "seconds": 5}})
        (board.flash / "user_tools.py").write_text(HANG_ONCE)
        with board:
            board.wait(lambda: board.resets == 1, 40, "the watchdog")
            board.wait(lambda: host.logged("board_started", reset_cause="watchdog"), 40, "the board to tell")


def test_a_board_whose_heap_has_taken_the_networks_memory_restarts_and_says_why(real_host: HostProcess) -> None:
    with real_host as host:
        board = SimBoard(host.url, chip="esp32", board="esp32-devkit")
        (board.flash / "user_tools.py").write_text(FILL_ONCE)
        with board:
            board.wait(lambda: board.resets == 1, 90, "the board to give up")
            board.wait(lambda: host.logged("board_crashed"), 60, "the board to tell")
        assert "the heap has taken the network's memory" in host.logged("board_crashed")[0]["what"]
        assert board.resets == 1


@pytest.mark.parametrize("kind", ["sim", "esp32-s3-devkitc-1"])  # the second one's button is GPIO0, the BOOT button
def test_holding_the_button_at_power_on_leaves_the_application_alone(host: SmallHost, kind: str) -> None:
    board = SimBoard(host.url, board=kind, chip=ROOMY_CHIP, imu=False)
    board.button.down()
    with board:
        deadline = time.monotonic() + 20
        while not said(board, "safe boot: the button is held") and time.monotonic() < deadline:
            time.sleep(0.01)
        assert said(board, "safe boot: the button is held")
        assert not said(board, "app: posewire")
        board.button.up()
        board.restart()
        wait_for_connection(board)


def test_the_log_can_be_read_over_the_air(host: SmallHost, sim_board: MakeBoard) -> None:
    board = sim_board(host.url, imu=False)
    wait_for_connection(board)
    host.call("self.log.read")
    board.wait(lambda: [text for text in host.of_type("mcp") if text["payload"].get("id") == 7], 20, "the log")
    (answer,) = (text["payload"] for text in host.of_type("mcp") if text["payload"].get("id") == 7)
    log = answer["result"]["content"][0]["text"]
    assert "connected to posewire-sim" in log
    assert log.splitlines()[0] in board.log


def test_a_stock_host_sees_neither_telemetry_nor_updates(host: SmallHost, sim_board: MakeBoard) -> None:
    board = sim_board(host.url, imu=False)
    wait_for_connection(board)
    board.button.press(0.05)
    board.wait(lambda: host.of_type("listen", state="start"), 20, "the board to listen")
    assert {text["type"] for text in host.texts} <= {"hello", "listen", "iot"}
