"""A bridge that is late to say how many flows it has of a kind, as one with
millions of them is."""

import os
import select
import socket
import struct
import threading

HEADER = struct.Struct("!BBHI")         # Of OpenFlow: of what length it is.
# Of OpenFlow 1.1 and of all later versions, whose kind comes after that.
MULTIPART_REPLY, AGGREGATE = 19, 2


class SlowBridge:
    """In the place of a bridge's OpenFlow socket; a context manager.

    What the bridge, which is asked all the same, says of sums of flows goes
    on after 'late_s'; the rest at once.
    """

    def __init__(self, path, late_s):
        self._path, self._late_s = path, late_s
        self._ended = threading.Event()
        self._threads = []

    def __enter__(self):
        os.rename(self._path, self._path + ".true")
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(self._path)
        self._listener.listen()
        self._start(self._accept)
        return self

    def __exit__(self, *_):
        self._ended.set()
        self._listener.shutdown(socket.SHUT_RDWR)
        self._listener.close()
        os.unlink(self._path)
        os.rename(self._path + ".true", self._path)
        for thread in self._threads:
            thread.join()

    def _start(self, function, *arguments):
        thread = threading.Thread(target=function, args=arguments)
        self._threads.append(thread)
        thread.start()

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return      # That is its end.
            bridge = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
            bridge.connect(self._path + ".true")
            self._start(self._pass_on, client, bridge, False)
            self._start(self._pass_on, bridge, client, True)

    def _pass_on(self, source, sink, may_wait):
        """Until either ends, or all does."""
        data = b""
        try:
            while not self._ended.is_set():
                if not select.select([source], [], [], 0.1)[0]:
                    continue
                more = source.recv(1 << 16)
                if not more:
                    break
                data += more
                data = self._pass_messages(data, sink, may_wait)
        except (OSError, ValueError):
            pass            # The other way has ended.
        for end in (source, sink):
            try:
                end.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass        # It had already.
            end.close()

    def _pass_messages(self, data, sink, may_wait):
        """Returns what is no whole message yet."""
        while len(data) >= HEADER.size:
            version, kind, length, _ = HEADER.unpack_from(data)
            if len(data) < length:
                break
            if (may_wait and version > 1 and kind == MULTIPART_REPLY
                    and struct.unpack_from("!H", data, HEADER.size)
                    == (AGGREGATE,)):
                self._ended.wait(self._late_s)
            sink.sendall(data[:length])
            data = data[length:]
        return data
