"""The tools of server push: timers, alarms, and a word to another device."""

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Annotated, Any

from posewire.errors import ToolError, WireError
from posewire.server.connection.registry import ConnectionRegistry
from posewire.server.push.announcer import Announcement, Announcer
from posewire.server.push.reminders import Reminder, Reminders
from posewire.voice.tools.base import ToolContext, ToolOutput
from posewire.voice.tools.functions import tool

Label = Annotated[str, "what it is for, in a few words; may be empty"]


class PushTools:
    """Functions for ``FunctionExecutor``."""

    def __init__(self, registry: ConnectionRegistry, announcer: Announcer, reminders: Reminders) -> None:
        self._registry = registry
        self._announcer = announcer
        self._reminders = reminders

    def functions(self) -> list[Callable[..., Any]]:
        """Return the tools for timers, alarms, devices and announcements."""
        return [
            self.set_timer,
            self.set_alarm,
            self.list_timers,
            self.cancel_timers,
            self.list_devices,
            self.tell_device,
        ]

    @tool()
    async def set_timer(
        self, context: ToolContext, hours: int = 0, minutes: int = 0, seconds: int = 0, label: Label = ""
    ) -> str:
        """Set a timer that rings on this device after a time."""
        duration = hours * 3600 + minutes * 60 + seconds
        reminder = await self._reminders.add(_device(context), time.time() + duration, label)
        return f"The timer{_for(reminder)} is set for {duration_text(duration)}."

    @tool()
    async def set_alarm(
        self, context: ToolContext, at: Annotated[str, "local time of day, as 07:30"], label: Label = ""
    ) -> str:
        """Set an alarm that rings on this device at a time of day, today or tomorrow."""
        try:
            moment = datetime.strptime(at.strip(), "%H:%M").time()
        except ValueError:
            raise ToolError(f"{at[:20]} is not a time like 07:30") from None
        now = datetime.now().astimezone()
        due = datetime.combine(now.date(), moment).astimezone()
        if due <= now:
            due = datetime.combine(now.date() + timedelta(days=1), moment).astimezone()
        reminder = await self._reminders.add(_device(context), due.timestamp(), label)
        return f"The alarm{_for(reminder)} is set for {due:%H:%M}{'' if due.date() == now.date() else ' tomorrow'}."

    @tool()
    async def list_timers(self, context: ToolContext) -> str:
        """Tell which timers and alarms are set on this device."""
        reminders = await self._reminders.of(_device(context))
        if not reminders:
            return "No timer is set."
        now = time.time()
        left = [f"{duration_text(max(1, reminder.due - now))}{_for(reminder)}" for reminder in reminders]
        return "Set: " + "; ".join(f"in {text}" for text in left) + "."

    @tool()
    async def cancel_timers(
        self, context: ToolContext, label: Annotated[str, "only those of this label; empty for all"] = ""
    ) -> str:
        """Cancel timers and alarms of this device."""
        cancelled = await self._reminders.cancel(_device(context), label)
        if not cancelled:
            return "There was no timer to cancel."
        return "The timer is cancelled." if len(cancelled) == 1 else f"{len(cancelled)} timers are cancelled."

    @tool()
    async def list_devices(self, context: ToolContext) -> list[str]:
        """List the devices that are connected and can be spoken on."""
        return [peer.device_id for peer in self._registry if peer.voice.speaks]

    @tool()
    async def tell_device(
        self,
        context: ToolContext,
        device: Annotated[str, "id of a device, as list_devices gives it; all for every other device"],
        message: str,
    ) -> ToolOutput:
        """Say a message on another device, as an intercom does."""
        known = [peer.device_id for peer in self._registry if peer.voice.speaks]
        others = [name for name in known if name != context.device]
        targets = others if device == "all" else [name for name in known if name == device.lower()]
        if not targets:
            raise ToolError(f"{device} is not connected" if device != "all" else "no other device is connected")
        for target in targets:
            try:
                self._announcer.announce(target, Announcement(message, source=context.device or "tool"))
            except WireError as exc:
                raise ToolError(f"{target}: {exc}") from None
        return ToolOutput("I told them." if len(targets) > 1 else "I said it there.")


def duration_text(seconds: float) -> str:
    """Return a duration as people say it: "1 hour and 5 minutes"."""
    left = round(seconds)
    parts = []
    for unit, size in (("day", 86400), ("hour", 3600), ("minute", 60), ("second", 1)):
        count, left = divmod(left, size)
        if count:
            parts.append(f"{count} {unit}{'' if count == 1 else 's'}")
    return " and ".join([", ".join(parts[:-1]), parts[-1]]) if len(parts) > 1 else "".join(parts) or "no time"


def _for(reminder: Reminder) -> str:
    return f" for {reminder.label}" if reminder.label else ""


def _device(context: ToolContext) -> str:
    if not context.device:
        raise ToolError("a timer needs a device to ring on, and this call does not come from a device")
    return context.device
