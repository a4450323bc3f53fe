"""The counts of a board so far. Loaded by who asks."""

from posewire_fw import memory


def counters(app):
    """Everything that is counted, as a dict ready for JSON."""
    session = app.session
    skipped = 0
    for source in app.uplink.sources:
        skipped += source.skipped
    result = {
        "sent": {"audio": app.uplink.sent_audio, "pose": app.uplink.sent_pose, "text": session.sent_text},
        "received": {
            "audio": session.received_audio,
            "pose": session.received_pose,
            "text": session.received_text,
        },
        "dropped": {
            "audio": app.ring.dropped if app.ring is not None else 0,
            "pose": skipped,
            "bad_frames": session.bad_frames,
            "bad_messages": session.bad_messages,
        },
        "reconnects": app.connection.reconnects(),
        "restarts": app.supervisor.restarts,
        "heap_free_min": app.supervisor.heap_free_min,
        "left_out": app.left_out,
        "alloc_per_frame": app.supervisor.alloc_per_frame(),
        "state": session.public_state(),
        "session_id": session.session_id,
        "member_id": session.member_id,
        "room_problem": session.room_problem,
        "uptime_ms": app.clock.uptime_ms(),
    }
    if app.mic is not None:
        result["mic"] = {
            "frames": app.mic.frames,
            "lost_samples": app.mic.lost_samples,
            "stalls": app.mic.stalls,
            "level": app.mic.level,
        }
    if app.speaker is not None:
        result["speaker"] = {
            "frames": app.speaker.frames,
            "late": app.speaker.late,
            "undecodable": app.speaker.undecodable,
            "underruns": app.speaker.underruns,
            "concealed": app.speaker.concealed,
            "stalls": app.speaker.stalls,
            "volume": app.speaker.volume,
        }
    if app.keypoints is not None:
        result["keypoints"] = {
            "frames": app.keypoints.frames,
            "bad_frames": app.keypoints.bad_frames,
            "skipped_bytes": app.keypoints.skipped_bytes,
        }
    if app.uplink.rate is not None:
        result["pose_budget"] = app.uplink.rate.budget
    if app.receiver is not None:
        receiver = app.receiver
        result["receiver"] = {
            "member_id": receiver.member_id,
            "state": ("lost", "live", "held")[receiver.state],
            "frames": receiver.frames,
            "undecodable": receiver.undecodable,
        }
    if app.imu is not None:
        result["imu"] = {"chip": app.imu.chip, "samples": app.imu.samples, "errors": app.imu.errors}
    found = memory.idf()
    if found is not None:
        result["idf_free"], result["idf_largest"], result["idf_free_min"] = found
    return result
