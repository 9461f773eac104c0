"""What tshark has to say about frames."""

import json
import os
import shutil

from lab import pcap
from lab.process import run


def installed():
    return shutil.which("tshark") is not None


def remarks(directory, frames):
    """For each frame the sorted list of tshark's expert remarks and of
    layers it calls malformed."""
    path = os.path.join(directory, "tshark.pcap")
    pcap.write(path, frames)
    out = run(["tshark", "-r", path, "-T", "json", "-J", "none", "-e",
               "_ws.expert.message", "-e", "_ws.malformed", "-e",
               "frame.number"], env=dict(os.environ, HOME=directory)).stdout
    result = []
    for packet in json.loads(out):
        fields = packet["_source"]["layers"]
        result.append(sorted(fields.get("_ws.expert.message", [])
                             + fields.get("_ws.malformed", [])))
    return result
