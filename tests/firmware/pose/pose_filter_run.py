# Runs on MicroPython: filters frames with the heap locked. Argument: a file of landmarks, channels (u16), then for each
# frame a time (u32) and float32 values; the filtered ones go to the file named second.
import struct
import sys

import micropython

from posewire_fw.pose_filter import PoseFilter

with open(sys.argv[1], "rb") as source:
    landmarks, channels = struct.unpack("<HH", source.read(4))
    size = 4 * landmarks * channels
    pose_filter = PoseFilter()
    pose_filter.reshape(landmarks, channels)
    time = bytearray(4)
    values = bytearray(size)
    with open(sys.argv[2], "wb") as target:
        while source.readinto(time):
            source.readinto(values)
            micropython.heap_lock()
            pose_filter.apply(values, time)
            micropython.heap_unlock()
            target.write(values)
print("ok")
