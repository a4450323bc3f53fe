"""``/api/devices``: the devices, their pairing, updates, tools, speech and voiceprints."""
