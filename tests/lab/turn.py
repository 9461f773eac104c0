"""The locks by which hypervisors take turns at a control database's server."""

import json
import socket
import threading

WRITING, READING = "ovs_mirrord_turn", "ovs_mirrord_reading"


class Turn:
    """Held by the test from here on; a context manager."""

    def __init__(self, path, lock=WRITING):
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.settimeout(60)
        self._socket.connect(path)
        self.held = self._call("lock", lock)["locked"]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self._socket.close()

    def _call(self, method, *params):
        self._socket.sendall(json.dumps(
            {"method": method, "params": params, "id": 1}).encode())
        text = ""
        while True:
            text += self._socket.recv(1 << 16).decode()
            try:
                return json.loads(text)["result"]
            except ValueError:
                continue


class DeafToLocks:
    """Passes connections at 'path' on to 'server', but leaves the first that
    asks for a turn without an answer, as where the kernel has dropped the end
    of its handshake; a context manager."""

    def __init__(self, path, server):
        self._server, self.left = server, []
        self._listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._listener.bind(path)
        self._listener.listen()
        self._sockets = []
        self._threads = [threading.Thread(target=self._accept)]

    def __enter__(self):
        self._threads[0].start()
        return self

    def __exit__(self, *_):
        self._listener.shutdown(socket.SHUT_RDWR)
        self._threads[0].join()
        for one in self._sockets:
            try:
                one.shutdown(socket.SHUT_RDWR)
            except OSError:
                pass    # Not connected any more.
        for thread in self._threads:
            thread.join()
        for one in (self._listener, *self._sockets):
            one.close()

    def _accept(self):
        while True:
            try:
                client, _ = self._listener.accept()
            except OSError:
                return
            self._sockets.append(client)
            self._start(self._serve, client)

    def _start(self, what, *arguments):
        self._threads.append(threading.Thread(target=what, args=arguments))
        self._threads[-1].start()

    def _serve(self, client):
        first = client.recv(1 << 16)
        if b'"lock"' in first and not self.left:
            self.left.append(client)
            return
        server = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._sockets.append(server)
        server.connect(self._server)
        server.sendall(first)
        self._start(self._pass_on, server, client)
        self._pass_on(client, server)

    @staticmethod
    def _pass_on(source, sink):
        try:
            while piece := source.recv(1 << 16):
                sink.sendall(piece)
            sink.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass    # The other side has hung up.
