"""A connection to an OVSDB server that one program keeps: edits one at a
time, and sees what comes of them without asking."""

import codecs
import collections
import json
import re
import select
import socket
import time

# How a change tells the whole of a row.
WHOLE = ("new", "initial", "insert")
# A string, which may end in a later piece, or a brace outside of strings.
TOKEN = re.compile(r'"(?:[^"\\]|\\.)*("?)|[{}]', re.DOTALL)


class Messages:
    """Cuts what comes in pieces into its JSON objects.  Each character is
    looked at once, however many pieces an object has: an update of 20,000
    rows has hundreds, and who reads it must not disturb what it measures."""

    def __init__(self):
        self._decode = codecs.getincrementaldecoder("utf-8")().decode
        self._begun = []            # Of an object, what is known to be whole.
        self._rest = ""             # A string that has not ended.
        self._depth = 0

    def feed(self, piece):
        """The objects that end in 'piece'."""
        text, objects = self._rest + self._decode(piece), []
        begin, end = 0, len(text)
        for token in TOKEN.finditer(text):
            if token[0] == "{":
                self._depth += 1
            elif token[0] == "}":
                self._depth -= 1
                if not self._depth:
                    self._begun.append(text[begin:token.end()])
                    objects.append(json.loads("".join(self._begun)))
                    self._begun, begin = [], token.end()
            elif not token[1]:
                end = token.start()
        self._begun.append(text[begin:end])
        self._rest = text[end:]
        return objects


class Database:
    """A client of one database (RFC 7047); a context manager.

    'tables' are monitored, {table: [column, ...]}: 'rows' has them as they
    are, {table: {uuid: row in OVSDB's JSON form}}, 'updates' counts their
    changes by table.  With 'where' these are the rows alone for which the
    clauses hold that it has for their table; a row lacks then what has its
    default, and sets and maps are not to be asked for.  'sent' and
    'received' are when the latest message, or a piece of it, went and came,
    by time.monotonic().
    """

    def __init__(self, path, name, tables=None, where=None):
        self.name, self.rows = name, {}
        self.updates = collections.Counter()
        self.sent = self.received = 0.0
        self._replies, self._id = {}, 0
        self._messages = Messages()
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self._socket.connect(path)
        if tables:
            self.rows = {table: {} for table in tables}
            wanted = {table: {"columns": columns}
                      for table, columns in tables.items()}
            for table, clauses in (where or {}).items():
                wanted[table]["where"] = clauses
            initial = self._call("monitor_cond" if where else "monitor",
                                 name, None, wanted)
            self._take(initial)
            self.updates.clear()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def close(self):
        self._socket.close()

    def transact(self, *operations):
        results = self._call("transact", self.name, *operations)
        for result in results:
            if result and "error" in result:
                raise RuntimeError(f"refused: {result}")
        return results

    def wait(self, condition, timeout=60):
        """Takes in updates until 'condition' holds; returns when that was,
        by time.monotonic()."""
        deadline = time.monotonic() + timeout
        while not condition():
            self._receive(deadline)
        return time.monotonic()

    def take_in(self):
        """What has come by now."""
        while select.select([self._socket], [], [], 0)[0]:
            self._receive(time.monotonic() + 1)

    def _call(self, method, *params):
        self._id += 1
        number = self._id
        self._send({"method": method, "params": params, "id": number})
        deadline = time.monotonic() + 60
        while number not in self._replies:
            self._receive(deadline)
        reply = self._replies.pop(number)
        if reply.get("error"):
            raise RuntimeError(f"{method}: {reply['error']}")
        return reply["result"]

    def _send(self, message):
        octets = json.dumps(message).encode()
        self.sent = time.monotonic()
        self._socket.sendall(octets)

    def _receive(self, deadline):
        left = deadline - time.monotonic()
        if left <= 0 or not select.select([self._socket], [], [], left)[0]:
            raise TimeoutError(f"nothing from {self.name} in time")
        data = self._socket.recv(1 << 20)
        self.received = time.monotonic()
        if not data:
            raise ConnectionError(f"the server of {self.name} hung up")
        for message in self._messages.feed(data):
            if message.get("method") == "echo":
                self._send({"id": message["id"], "error": None,
                            "result": message["params"]})
            elif message.get("method") in ("update", "update2"):
                self._take(message["params"][1])
            else:
                self._replies[message["id"]] = message

    def _take(self, tables):
        for table, changes in tables.items():
            for uuid, change in changes.items():
                self.updates[table] += 1
                if "modify" in change:
                    self.rows[table][uuid].update(change["modify"])
                elif whole := [change[kind] for kind in WHOLE
                               if kind in change]:
                    self.rows[table][uuid] = whole[0]
                else:
                    self.rows[table].pop(uuid, None)
