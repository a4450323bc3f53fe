"""Pins, PWM, LED, UART, I2C with its motion sensor, Wi-Fi, watchdog, reset: as firmware on the chip finds them."""

import os
import signal
import struct
import time

import numpy as np
import pytest

from posewire.sim.parts.wifi import PASSWORD, SSID
from sim.conftest import Program
from sim.programs import shown

I2C = """
    import struct, time
    from machine import I2C, Pin
    i2c = I2C(0, scl=Pin(42), sda=Pin(41), freq=400000)
    def read():
        return struct.unpack(">7h", i2c.readfrom_mem(0x68, 0x3B, 14))
    def write(register, value):
        i2c.writeto_mem(0x68, register, bytes([value]))
"""


def test_the_motion_sensor_wakes_up_asleep(program: Program) -> None:
    board = program(
        I2C
        + """
    show([i2c.scan(), i2c.readfrom_mem(0x68, 0x75, 1)[0], i2c.readfrom_mem(0x68, 0x6B, 1)[0]])
    show(read())
    write(0x6B, 0)
    time.sleep_ms(2)
    show(read())
    """
    )
    assert shown(board) == [[[0x68], 0x68, 0x40], [0] * 7, [0, 0, 16384, -3920, 0, 0, 0]]


def test_ranges_scale_the_motion_sensor(program: Program) -> None:
    board = program(
        I2C
        + """
    write(0x6B, 0)
    show("ready")
    while read()[0] != 8192:
        time.sleep_ms(5)
    for full_scale in range(4):
        write(0x1B, full_scale << 3)
        write(0x1C, full_scale << 3)
        time.sleep_ms(2)
        show(read())
    """,
        wait=False,
    )
    board.wait(lambda: "ready" in shown(board), what="the sensor")
    board.imu.set(accel=(0.5, -1, 4), gyro=(100, -250, 300))
    board.wait(lambda: "<<< end" in board.log, what="the program to end")
    assert shown(board)[1:] == [
        [8192, -16384, 32767, -3920, 13100, -32750, 32767],
        [4096, -8192, 32767, -3920, 6550, -16375, 19650],
        [2048, -4096, 16384, -3920, 3275, -8188, 9825],
        [1024, -2048, 8192, -3920, 1637, -4094, 4912],
    ], "±2 to ±16 g, ±250 to ±2000 degrees/s; what is beyond the range saturates"


def test_samples_come_at_the_set_rate(program: Program) -> None:
    board = program(
        I2C
        + """
    write(0x6B, 0)
    write(0x1A, 3)
    write(0x19, 199)
    time.sleep_ms(250)
    flags = []
    for _ in range(50):
        flags.append(i2c.readfrom_mem(0x68, 0x3A, 1)[0])
        time.sleep_ms(10)
    show(sum(flags))
    write(0x6B, 0x80)
    show(i2c.readfrom_mem(0x68, 0x19, 1)[0])
    """
    )
    samples, divider = shown(board)
    assert 2 <= samples <= 4, "1 kHz divided by 200 is a sample each 200 ms; the flag clears when it is read"
    assert divider == 0, "a reset restores the registers"


def test_nobody_answers_at_other_addresses(program: Program) -> None:
    board = program(
        I2C
        + """
    import errno
    def attempt(address):
        try:
            i2c.readfrom_mem(address, 0x75, 1)
            return 0
        except OSError as exc:
            return exc.errno == errno.ENODEV
    show([attempt(0x69), attempt(0x68)])
    while not attempt(0x68):
        time.sleep_ms(5)
    show("unplugged")
    """,
        wait=False,
    )
    board.wait(lambda: shown(board), what="the sensor")
    assert shown(board) == [[True, 0]]
    board.imu.unplug()
    board.wait(lambda: "unplugged" in shown(board), what="the sensor to be gone")


def test_a_motion_is_followed_in_its_own_time(program: Program) -> None:
    board = program(
        I2C
        + """
    write(0x6B, 0)
    show("ready")
    while True:
        show(read()[0])
        time.sleep_ms(10)
    """,
        wait=False,
    )
    board.wait(lambda: "ready" in shown(board), what="the sensor")
    ramp = np.linspace(0.1, 1.0, 10)
    board.imu.play(np.arange(10) * 0.05, np.stack([ramp, ramp * 0, ramp * 0], 1), np.zeros((10, 3)))
    board.wait(lambda: 16384 in shown(board), what="the end of the motion")
    values = [value for value in shown(board)[1:] if value]
    assert values == sorted(values)
    assert len(set(values)) >= 8, "every 50 ms another value, read every 10 ms"


def test_a_uart_holds_what_its_buffer_takes(program: Program) -> None:
    board = program(
        """
    import machine, time
    uart = machine.UART(1, 921600, rxbuf=512)
    show([uart.any(), uart.read(), uart.readinto(bytearray(4))])
    while uart.any() < 100:
        time.sleep_ms(1)
    buf = bytearray(64)
    show([uart.readinto(buf), bytes(buf) == bytes(range(64)), uart.readinto(buf, 10), list(buf[:10])])
    show(list(uart.read(4)))
    time.sleep_ms(100)
    show(uart.any())
    """,
        wait=False,
    )
    board.wait(lambda: shown(board) and board.camera.online, what="the UART")
    board.camera.send(bytes(range(256)) * 16)
    board.wait(lambda: "<<< end" in board.log, what="the program to end")
    nothing, first, more, held = shown(board)
    assert nothing == [0, None, None]
    assert first == [64, True, 10, list(range(64, 74))]
    assert more == [74, 75, 76, 77]
    assert held == 512, "the rest is lost"


def test_a_uart_is_as_slow_as_its_baud_rate(program: Program) -> None:
    board = program(
        """
    import machine, time
    uart = machine.UART(1, 19200, rxbuf=2048)
    show("open")
    while not uart.any():
        time.sleep_ms(1)
    start = time.ticks_ms()
    while uart.any() < 960:
        time.sleep_ms(1)
    show(time.ticks_diff(time.ticks_ms(), start))
    """,
        wait=False,
    )
    board.wait(lambda: "open" in shown(board) and board.camera.online, what="the UART")
    board.camera.send(bytes(1024))
    board.wait(lambda: "<<< end" in board.log, what="the program to end")
    assert shown(board)[1] >= 330, "three chunks of 256 bytes after the first at 1920 bytes a second"


def test_the_button_pulls_its_pin_to_ground(program: Program) -> None:
    board = program(
        """
    import time
    from machine import Pin
    button = Pin(21, Pin.IN, Pin.PULL_UP)
    seen = []
    button.irq(lambda pin: seen.append(pin.value()), Pin.IRQ_FALLING | Pin.IRQ_RISING)
    show([button.value(), Pin(1, Pin.IN).value(), Pin(2, Pin.IN, Pin.PULL_DOWN).value(), Pin(21) is button])
    while len(seen) < 2:
        button()
        time.sleep_ms(1)
    show(seen)
    """,
        wait=False,
    )
    board.wait(lambda: shown(board), what="the pin")
    board.button.press(hold=0.05)
    board.wait(lambda: "<<< end" in board.log, what="the program to end")
    assert shown(board) == [[1, 0, 0, True], [0, 1]]


def test_outputs_are_seen(program: Program) -> None:
    board = program(
        """
    from machine import PWM, Pin
    import neopixel
    Pin(12, Pin.OUT).on()
    pwm = PWM(Pin(10), freq=1000, duty_u16=32768)
    show([pwm.freq(), pwm.duty_u16(), pwm.duty()])
    pwm.duty(1023)
    pixels = neopixel.NeoPixel(Pin(48, Pin.OUT), 2)
    pixels[0] = (10, 20, 30)
    show(list(pixels[0]))
    pixels.write()
    """
    )
    board.wait(lambda: board.led.color == (10, 20, 30), what="the LED")
    assert shown(board) == [[1000, 32768, 512], [10, 20, 30]]
    assert board.outputs.duty(12) == 1.0
    assert [round(drive.duty, 2) for drive in board.outputs.history("motor_forward")] == [0.5, 1.0]
    assert board.outputs.history("motor_forward")[0].frequency == 1000


def test_wifi_takes_its_time_and_tells_what_is_wrong(program: Program) -> None:
    board = program(
        f"""
    import network, time
    wlan = network.WLAN(network.STA_IF)
    try:
        wlan.connect("x")
    except OSError:
        show("not active")
    wlan.active(True)
    show(wlan.status())
    wlan.connect("{SSID}", "{PASSWORD}")
    show([wlan.status(), wlan.isconnected()])
    start = time.ticks_ms()
    while not wlan.isconnected():
        time.sleep_ms(10)
    show(time.ticks_diff(time.ticks_ms(), start))
    show([wlan.status(), wlan.ifconfig()[0] != "0.0.0.0", len(wlan.config("mac")), wlan.status("rssi")])
    wlan.connect("{SSID}", "wrong")
    time.sleep_ms(500)
    show([wlan.status(), wlan.isconnected()])
    wlan.disconnect()
    show(wlan.status())
    """
    )
    inactive, idle, connecting, elapsed, connected, refused, gone = shown(board)
    assert (inactive, idle, connecting) == ("not active", 1000, [1001, False])
    assert elapsed >= 50
    assert connected == [1010, True, 6, -52]
    assert refused == [202, False]
    assert gone == 1000


def test_wifi_comes_back_by_itself(program: Program) -> None:
    board = program(
        f"""
    import network, time
    wlan = network.WLAN(network.STA_IF)
    wlan.active(True)
    wlan.connect("{SSID}", "{PASSWORD}")
    before = None
    while True:
        if wlan.isconnected() != before:
            before = wlan.isconnected()
            show(before)
        time.sleep_ms(5)
    """,
        wait=False,
    )
    board.wait(lambda: shown(board) == [False, True], what="Wi-Fi")
    board.wifi.drop()
    board.wait(lambda: shown(board) == [False, True, False], what="Wi-Fi to be gone")
    board.wifi.restore()
    board.wait(lambda: shown(board) == [False, True, False, True], what="Wi-Fi to be back")


def test_a_reset_starts_again_and_says_why(program: Program) -> None:
    board = program(
        """
    import machine
    show(machine.reset_cause())
    if machine.reset_cause() == machine.PWRON_RESET:
        machine.reset()
    """
    )
    assert shown(board) == [1, 2]
    assert board.resets == 1


def test_a_watchdog_that_is_not_fed_resets(program: Program) -> None:
    board = program(
        """
    import machine, time
    show(machine.reset_cause())
    if machine.reset_cause() == machine.PWRON_RESET:
        dog = machine.WDT(timeout=300)
        for _ in range(50):
            dog.feed()
            time.sleep_ms(10)
        show("hanging")
        while True:
            pass
    """
    )
    assert shown(board) == [1, "hanging", 3]
    assert board.resets == 1


def test_flash_and_nvs_outlast_a_reset(program: Program) -> None:
    board = program(
        """
    import esp32, machine
    store = esp32.NVS("posewire")
    if machine.reset_cause() == machine.PWRON_RESET:
        try:
            store.get_i32("boots")
        except OSError:
            show("nothing there")
        store.set_i32("boots", 41)
        store.set_blob("key", b"abc")
        store.commit()
        machine.reset()
    buf = bytearray(8)
    show([store.get_i32("boots"), store.get_blob("key", buf), buf[:3].decode()])
    """
    )
    assert shown(board) == ["nothing there", [41, 3, "abc"]]


def test_the_board_knows_its_address(program: Program) -> None:
    board = program(
        """
    import machine, network
    show([list(machine.unique_id()), list(network.WLAN(network.STA_IF).config("mac"))])
    """,
        device_id="02:AA:00:00:00:07",
    )
    assert shown(board) == [[list(struct.pack(">6B", 2, 0xAA, 0, 0, 0, 7))] * 2]


def test_an_orphan_does_not_live_on(program: Program) -> None:
    board = program("import machine\nwhile True:\n    machine.Pin(21).value()", wait=False)
    board.wait(lambda: board._process is not None and board._process.alive(), what="the process")
    process = board._process
    assert process is not None
    process.bus.close()
    deadline = time.monotonic() + 5
    while process.alive() and time.monotonic() < deadline:
        time.sleep(0.01)
    assert not process.alive()


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_names_resolve_in_the_simulated_network(program: Program, name: str) -> None:
    board = program(f"import socket\nshow(len(socket.getaddrinfo('{name}', 8000)[0]))")
    assert shown(board) == [5]


def test_a_name_that_does_not_resolve(program: Program) -> None:
    board = program(
        """
    import socket, time
    while True:
        try:
            socket.getaddrinfo("localhost", 8000)
        except OSError as exc:
            show(exc.errno)
            break
        time.sleep_ms(5)
    """,
        wait=False,
    )
    board.network.dns = False
    board.wait(lambda: "<<< end" in board.log, what="the program to end")
    assert shown(board) == [-202]


def test_a_press_is_seen_also_by_a_board_that_had_no_time_meanwhile(program: Program) -> None:
    board = program(
        """
    import time
    from machine import Pin
    button = Pin(21, Pin.IN, Pin.PULL_UP)
    show(button.value())
    while button.value():
        time.sleep_ms(10)
    readings = 1
    while not button.value():
        readings += 1
    show(readings)
    """,
        wait=False,
    )
    board.wait(lambda: shown(board), what="the pin")
    assert board._process is not None
    os.kill(board._process.pid, signal.SIGSTOP)
    board.button.press(hold=0)
    os.kill(board._process.pid, signal.SIGCONT)
    board.wait(lambda: "<<< end" in board.log, what="the program to end")
    assert shown(board)[1] >= 3, "as often as a button is looked at before it counts"
