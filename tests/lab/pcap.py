"""Reading and writing of pcap files (Ethernet only)."""

import struct


def write(path, frames):
    with open(path, "wb") as f:
        f.write(struct.pack("<IHHiIII", 0xa1b2c3d4, 2, 4, 0, 0, 262144, 1))
        for i, frame in enumerate(frames):
            f.write(struct.pack("<IIII", 1, i, len(frame), len(frame)))
            f.write(frame)


def parse(data):
    """The whole frames in 'data', which may end in the middle of one."""
    if len(data) < 24:
        return []
    order = {0xa1b2c3d4: "<", 0xd4c3b2a1: ">", 0xa1b23c4d: "<",
             0x4d3cb2a1: ">"}.get(struct.unpack_from("<I", data)[0])
    if not order:
        raise ValueError("not a pcap file")
    frames, at = [], 24
    while at + 16 <= len(data):
        kept, original = struct.unpack_from(order + "II", data, at + 8)
        if kept != original:
            raise ValueError("a frame was cut by its capture")
        if at + 16 + kept > len(data):
            break
        frames.append(data[at + 16:at + 16 + kept])
        at += 16 + kept
    return frames


def read(path):
    with open(path, "rb") as f:
        return parse(f.read())
