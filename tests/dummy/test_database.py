"""The client that benchmarks watch a database with."""

import json
import unittest

from bench.database import Messages

OBJECTS = [{"id": 1, "result": {}}, {"a": "}{", "b": ["\"}", "\\", "é{"]},
           {"method": "update", "params": [{"T": {"u": {"new": {}}}}]}]


class MessagesTest(unittest.TestCase):
    def test_objects_are_the_same_wherever_their_pieces_end(self):
        text = "\n ".join(json.dumps(o, ensure_ascii=False) for o in OBJECTS)
        for size in range(1, len(text)):
            messages, data = Messages(), text.encode()
            pieces = (data[i:i + size] for i in range(0, len(data), size))
            self.assertEqual([o for p in pieces for o in messages.feed(p)],
                             OBJECTS, size)

    def test_an_object_is_there_as_soon_as_it_ends(self):
        messages = Messages()
        self.assertEqual(messages.feed(b'{"a": 1}{"b"'), [{"a": 1}])
        self.assertEqual(messages.feed(b': 2'), [])
        self.assertEqual(messages.feed(b'}'), [{"b": 2}])
