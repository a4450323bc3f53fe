"""Track a person in front of a camera, and publish the landmarks in a room.

Pictures are looked at on this machine (MediaPipe) and go nowhere else: what is sent is landmarks. Instead of a camera
it takes a video, a picture, a folder of pictures, or an address. Needs the extra "camera".

examples:
  posewire camera --room studio
  posewire camera --camera-id list
  posewire camera --room studio --camera-id 1 --track body,hands,face --preview --mirror
  posewire camera --room studio --file dance.mp4 --loop
"""

import argparse
import asyncio
import contextlib
import os
import sys
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

from posewire.camera.libraries import opencv
from posewire.camera.program import CameraCounts, send_pictures
from posewire.camera.sources import Picture, Wanted, list_cameras, pictures
from posewire.camera.tracker import Tracker
from posewire.client.connection import HostConnection
from posewire.client.sending.pose_sender import PoseSender
from posewire.client.unique_name import unique_name
from posewire.errors import ConfigError
from posewire.host_address import add_host_arguments, websocket_url
from posewire.terminal import LiveLine, is_live, show, show_json
from posewire.wire.pose import OneEuro

_SHOWN_EVERY = 0.5
_WINDOW = "posewire camera"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Add the options of ``posewire camera``."""
    parser.add_argument(
        "--room", default="studio", help="name of the room, which is created when it does not exist (default studio)"
    )
    parser.add_argument("--name", default="", help="device id in the room (default: one of its own)")
    add_host_arguments(parser)
    parser.add_argument(
        "--camera-id", default="0", metavar="NUMBER|list", help="number of the camera; list shows all (default 0)"
    )
    parser.add_argument(
        "--file",
        default="",
        metavar="FILE|FOLDER|URL",
        help="video, picture, folder of pictures or stream address to use instead",
    )
    parser.add_argument("--loop", action="store_true", help="start a file again at its end")
    parser.add_argument("--track", default="body,hands", metavar="PARTS", help="body, hands, face (default body,hands)")
    parser.add_argument(
        "--size", default="", metavar="WIDTHxHEIGHT", help="size of a camera's pictures (default: its own)"
    )
    parser.add_argument("--fps", type=float, default=30.0, help="most poses a second (default 30)")
    parser.add_argument("--max-kbit-s", type=float, help="largest bandwidth: poses become coarser, then fewer")
    parser.add_argument("--mirror", action="store_true", help="mirror the pictures")
    parser.add_argument(
        "--smooth",
        type=float,
        nargs="?",
        const=1.0,
        metavar="HZ",
        help="One-Euro filter; lower is steadier (1 unless given)",
    )
    parser.add_argument(
        "--confidence", type=float, default=0.5, help="least confidence that somebody is seen, 0 to 1 (default 0.5)"
    )
    parser.add_argument("--preview", action="store_true", help="show the pictures with what was found; q ends it")
    parser.add_argument("--seconds", type=float, default=0, help="stop after this time (default: run until Ctrl-C)")
    parser.add_argument("--json", action="store_true", help="print the result as JSON")


def run(args: argparse.Namespace) -> int:
    """Track until Ctrl-C, or the end of the file; prints what was sent."""
    if args.camera_id == "list":
        return _list(args.json)
    if not args.camera_id.isdigit():
        raise ConfigError(f"--camera-id must be a number or list, not {args.camera_id!r}; for a file use --file")
    if args.fps <= 0:
        raise ConfigError("--fps must be more than 0")
    width, height = _size(args.size)
    look = _preview() if args.preview else None
    parts = [part.strip() for part in args.track.split(",") if part.strip()]
    source = args.file or args.camera_id
    # The source first: it is quick, and the likelier to be missing.
    images = pictures(source, Wanted(width, height, args.fps, args.loop))
    still = bool(args.file) and Path(args.file).is_dir()
    tracker = Tracker(parts, mirror=args.mirror, confidence=args.confidence, still=still)
    counts, senders = CameraCounts(), list[PoseSender]()
    smooth = OneEuro(min_cutoff=args.smooth) if args.smooth else None

    async def camera() -> None:
        async with HostConnection(
            websocket_url(args.url), token=args.token, device=args.name or unique_name("camera")
        ) as host:
            await send_pictures(
                host,
                args.room,
                images,
                tracker,
                counts,
                look=look,
                joined=senders.append,
                fps=args.fps,
                max_kbit_s=args.max_kbit_s,
                smooth=smooth,
            )

    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(_shown(camera, args, counts, senders))
    if not senders:
        return 0
    all_sent = [sender.statistics() for sender in senders]  # one for each time that it was in the room
    sent = {key: sum(part[key] for part in all_sent) for key in ("sent", "bytes")}
    if args.json:
        show_json({"pictures": counts.pictures, "with_somebody": counts.with_somebody, **sent})
    else:
        show(f"{args.room}: {counts.pictures} pictures, somebody in {counts.with_somebody}, {sent['sent']} poses sent")
    return 0


async def _shown(
    camera: Callable[[], Coroutine[Any, Any, None]],
    args: argparse.Namespace,
    counts: CameraCounts,
    senders: list[PoseSender],
) -> None:
    """Track, and show on a terminal how it goes."""
    work = asyncio.create_task(camera())
    if not args.json:
        show(f"{args.room}: tracking {args.track} (Ctrl-C ends it)")
    with LiveLine(sys.stderr) as line, contextlib.suppress(TimeoutError):
        try:
            async with asyncio.timeout(args.seconds or None):
                while not work.done():
                    await asyncio.wait([work], timeout=_SHOWN_EVERY)
                    if senders and is_live(sys.stderr):
                        line.show(_line(counts, senders[-1]))
                await work
        finally:
            work.cancel()
            await asyncio.gather(work, return_exceptions=True)


def _line(counts: CameraCounts, sender: PoseSender) -> str:
    """The line of statistics."""
    sent = sender.statistics()
    size = sent["bytes"] / sent["sent"] if sent["sent"] else 0.0
    return (
        f"{counts.fps:.1f} pictures/s ({counts.tracking_ms:.0f} ms each), {sent['fps']:.1f} poses/s"
        f" of {size:.0f} bytes: {', '.join(counts.found) or 'nobody'}"
    )


def _list(as_json: bool) -> int:
    cameras = list_cameras()
    if as_json:
        show_json([{"camera": number, "name": name} for number, name in cameras.items()])
    elif not cameras:
        show("no camera")
    for number, name in cameras.items() if not as_json else ():
        show(f"{number}  {name}")
    return 0


def _size(text: str) -> tuple[int, int]:
    if not text:
        return 0, 0
    width, _, height = text.lower().partition("x")
    if not (width.isdigit() and height.isdigit() and int(width) and int(height)):
        raise ConfigError(f"--size must be like 640x480, not {text!r}")
    return int(width), int(height)


def _preview() -> Callable[[Picture, Tracker], bool]:
    """A window that shows each picture with what was found; q or Esc ends it."""
    if sys.platform == "linux" and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        # Its library would end the whole process.
        raise ConfigError("--preview needs a screen, and neither DISPLAY nor WAYLAND_DISPLAY is set")
    cv2 = opencv()

    def show(picture: Picture, tracker: Tracker) -> bool:
        try:
            cv2.imshow(_WINDOW, tracker.draw(picture.image))
            key = cv2.waitKey(1) & 0xFF
        except cv2.error:
            raise ConfigError("OpenCV cannot open a window on this machine: run without --preview") from None
        return key not in (ord("q"), 27)

    return show
