"""Makes a report of how the board fares, and sends it. Loaded for that, and unloaded after."""

import gc

from micropython import const

from posewire_fw import memory

_CRASH_SHORT = const(500)


def send(app, first, heap_free):
    """Send a report; the first one after a start says how it came to that. heap_free: before this was loaded."""
    dropped = 0
    for source in app.uplink.sources:
        dropped += source.skipped
    supervisor = app.supervisor
    message = {
        "type": "telemetry",
        "uptime_ms": app.clock.uptime_ms(),
        "heap_free": heap_free,
        "heap_free_min": min(supervisor.heap_free_min, heap_free),
        "heap_size": gc.mem_alloc() + memory.heap_free(),
        "rssi": app.wifi.rssi(),
        "reconnects": app.connection.reconnects(),
        "restarts": supervisor.restarts,
        "audio_dropped": app.ring.dropped if app.ring is not None else 0,
        "pose_dropped": dropped,
    }
    link = app.link
    if link.round_trip_ms >= 0:
        message["round_trip_ms"] = link.round_trip_ms
    link.ping_wanted = True  # for the next report
    found = memory.idf()
    if found is not None:
        message["idf_free"], message["idf_largest"], message["idf_free_min"] = found
    if app.left_out:
        message["left_out"] = list(app.left_out)
    if app.mic is not None:
        message["lost_samples"] = app.mic.lost_samples
    if app.speaker is not None:
        message["underruns"] = app.speaker.underruns
    crash = None
    if first:
        from posewire_fw import crash

        crash.add_start(message)
        message["ssid"] = app.wifi.ssid
    try:
        app.session.send(message)
    except ValueError:
        # Too long: the end of a crash says more than its beginning.
        message["crash"] = message.get("crash", "")[-_CRASH_SHORT:]
        app.session.send(message)
    if crash is not None:
        crash.remove()
