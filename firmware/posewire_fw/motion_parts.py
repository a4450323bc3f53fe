"""Opens the sources of poses, and what follows others' poses. Needed at the start only."""

from micropython import const

from posewire_fw.parts import open_part

# The landmark set that most cameras send.
_BODY33 = const(1)


def build(app):
    """Open what the settings want, each part for itself."""
    open_pose(app)
    app.session.receiver = app.receiver


def open_pose(app):
    """Open the sources of poses and what follows others' poses."""
    if app.board.profile == "voice":
        app.leave_out("motion", "the board has the profile voice: posewire deploy --profile motion brings motion")
        return
    pose = app.config["pose"]
    if not open_part(app, "pose", _open_codec):
        return
    if pose["imu"] and app.board.has("i2c_scl", "i2c_sda"):
        open_part(app, "imu", _open_imu)
    if pose["keypoints"] and app.board.has("uart_tx", "uart_rx"):
        open_part(app, pose["uart"], _open_uart_part)
    if pose["receive"] is not None:
        open_part(app, "follow", _open_receiver)
    if pose["bytes_per_second"] or not app.small:
        open_part(app, "rate", _open_rate)


def _open_rate(app):
    from posewire_fw.pose_rate import PoseRate

    rate = app.uplink.rate = PoseRate(app.config["pose"]["bytes_per_second"])
    for source in app.uplink.sources:
        rate.add(source)


def _open_codec(app):
    """Load what all sources of poses share."""
    from posewire_fw import pose_encoder, pose_queue, pose_sets, pose_stream  # noqa: F401


def _open_imu(app):
    from posewire_fw.imu import Imu

    app.imu = Imu(app.board.open_i2c(), app.config["pose"]["imu_hz"], app.clock, app.board.imu)
    app.uplink.add_source(app.imu.stream)


def _open_receiver(app):
    from posewire_fw.pose_receiver import PoseReceiver

    pose = app.config["pose"]
    app.receiver = PoseReceiver(app.events, pose["receive"], pose["hold_ms"], pose["relax_ms"])
    app.uplink.receiver = app.receiver


def _open_uart_part(app):
    pose = app.config["pose"]
    part = pose["uart"]
    if part == "keypoints":
        from posewire_fw.keypoints import KeypointReader

        uart = app.board.open_uart(pose["uart_baud"])
        app.keypoints = KeypointReader(uart, app.add_pose_stream, app.reserve_packet, app.leave_out, _BODY33)
        app.uplink.publishes = True
        return
    if part == "bno08x":
        from posewire_fw import bno08x

        app.keypoints = bno08x.Bno08x(app.board.open_uart(pose["uart_baud"] or bno08x.BAUD), app.clock)
    elif part == "grove-ai":
        from posewire_fw import grove_ai

        uart = app.board.open_uart(pose["uart_baud"] or grove_ai.BAUD)
        app.keypoints = grove_ai.GroveAi(uart, app.clock, pose["picture"][0], pose["picture"][1])
    else:
        from posewire_fw import huskylens2

        uart = app.board.open_uart(pose["uart_baud"] or huskylens2.BAUD)
        algorithm = huskylens2.HAND if part == "huskylens2-hand" else huskylens2.POSE
        app.keypoints = huskylens2.HuskyLens2(uart, app.clock, algorithm)
    app.add_pose_stream(app.keypoints.stream)
