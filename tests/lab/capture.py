"""Captures that lose nothing and cut nothing."""

import ctypes
import select
import socket
import struct
import threading

from lab import pcap

_SOL_PACKET = 263
_PACKET_AUXDATA = 8
_PACKET_STATISTICS = 6
_SO_RCVBUFFORCE = 33
_SO_TIMESTAMPNS = 35
_SO_ATTACH_FILTER, _SO_DETACH_FILTER = 26, 27
_VLAN_VALID, _VLAN_TPID_VALID = 1 << 4, 1 << 6
_ETH_P_ALL = 3
_PACKET_OUTGOING = 4


class PacketSocket:
    """Sends and captures on one device of a namespace.

    'received' and 'sent' are as the device's owner sees them; frames sent
    through send() of this very socket are not captured.
    """

    def __init__(self, namespace, device):
        self._socket = namespace.socket(socket.AF_PACKET, socket.SOCK_RAW, 0)
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_RCVBUFFORCE, 128 << 20)
        self._socket.setsockopt(_SOL_PACKET, _PACKET_AUXDATA, 1)
        self._socket.bind((device, _ETH_P_ALL))
        self._lock = threading.Lock()
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_TIMESTAMPNS, 1)
        self._received, self._sent = [], []
        self._times = []
        self.lost = 0
        self._stop_here, self._stop_there = socket.socketpair()
        self._thread = threading.Thread(target=self._run, daemon=True)
        self._thread.start()

    def send(self, *frames):
        for frame in frames:
            self._socket.send(frame)

    def received(self):
        self.flush()
        with self._lock:
            return list(self._received)

    def sent(self):
        self.flush()
        with self._lock:
            return list(self._sent)

    def timed(self):
        """What was received, as (seconds since the epoch, frame)."""
        self.flush()
        with self._lock:
            return list(zip(self._times, self._received))

    def take(self):
        """timed(), which is forgotten then, with what was sent."""
        self.flush()
        with self._lock:
            taken = list(zip(self._times, self._received))
            self._received.clear()
            self._times.clear()
            self._sent.clear()
            return taken

    def set_deaf(self, deaf):
        """Takes nothing in any more, where copying it would cost more than
        it tells."""
        if not deaf:
            self._socket.setsockopt(socket.SOL_SOCKET, _SO_DETACH_FILTER, 0)
            return
        nothing = ctypes.create_string_buffer(struct.pack("HBBI", 6, 0, 0,
                                                          0))
        program = struct.pack("HL", 1, ctypes.addressof(nothing))
        self._socket.setsockopt(socket.SOL_SOCKET, _SO_ATTACH_FILTER,
                                program)

    def clear(self):
        self.flush()    # What has arrived and was not yet taken in.
        with self._lock:
            self._received.clear()
            self._times.clear()
            self._sent.clear()

    def close(self):
        self._stop_here.close()
        self._thread.join()
        self._socket.close()
        self._stop_there.close()

    def _run(self):
        while True:
            ready, _, _ = select.select([self._socket, self._stop_there], [],
                                        [])
            if self._stop_there in ready:
                return
            self.flush()

    def flush(self):
        """Takes in everything that has arrived at the device by now."""
        with self._lock:
            while True:
                try:
                    data, auxiliary, _, address = self._socket.recvmsg(
                        70000, 256, socket.MSG_DONTWAIT)
                except BlockingIOError:
                    return
                except OSError:  # The device went down: said once.
                    continue
                frame = _with_tag(data, auxiliary)
                if address[2] == _PACKET_OUTGOING:
                    self._sent.append(frame)
                else:
                    self._received.append(frame)
                    self._times.append(_arrival(auxiliary))

    def check_complete(self):
        """Raises if the kernel dropped frames that we should have seen."""
        raw = self._socket.getsockopt(_SOL_PACKET, _PACKET_STATISTICS, 8)
        self.lost += struct.unpack("II", raw)[1]
        if self.lost:
            raise AssertionError(f"the capture lost {self.lost} frames")


def _arrival(auxiliary):
    """When the kernel saw the frame."""
    for level, kind, value in auxiliary:
        if level == socket.SOL_SOCKET and kind == _SO_TIMESTAMPNS:
            seconds, nanoseconds = struct.unpack("qq", value)
            return seconds + nanoseconds / 1e9
    return 0.0


def _with_tag(data, auxiliary):
    """Puts back the outer VLAN tag that the kernel takes off."""
    for level, kind, value in auxiliary:
        if level == _SOL_PACKET and kind == _PACKET_AUXDATA:
            status, = struct.unpack_from("I", value)
            tci, tpid = struct.unpack_from("HH", value, 16)
            if status & _VLAN_VALID:
                tpid = tpid if status & _VLAN_TPID_VALID else 0x8100
                return data[:12] + struct.pack(">HH", tpid, tci) + data[12:]
    return data


class TxPcap:
    """What a dummy interface sent, that is, what its owner receives."""

    def __init__(self, path):
        self.path = path
        self._skip = 0

    def received(self):
        return pcap.read(self.path)[self._skip:]

    def clear(self):
        self._skip = len(pcap.read(self.path))

    def forget(self):
        """The file is begun anew."""
        self._skip = 0

    def check_complete(self):
        """Nothing is ever lost in a file."""

    def close(self):
        """Nothing is held open."""
