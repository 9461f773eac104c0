"""What the console makes of the streams and files that it is given."""

import os
import subprocess

from dummy.cli_case import CliTest, DEADLINE, Result


class Streams(CliTest):
    def with_closed(self, streams, *args):
        """Runs a command without these standard streams, as a shell closes
        them."""
        return Result(subprocess.run(
            ["sh", "-c", 'exec "$@" ' + streams, "sh", *self.command(*args)],
            input="", timeout=DEADLINE, capture_output=True, text=True))

    def test_a_closed_stream_is_no_place_for_the_database(self):
        self.apply()
        for streams in ("<&-", "2>&-", "<&- 2>&-"):
            with self.subTest(streams):
                result = self.with_closed(streams, "vpc-list")
                self.assertEqual((result.code, result.err), (0, ""), result)
                self.assertIn("vpc-a", result.out)

    def test_what_cannot_be_printed_is_an_error(self):
        self.apply()
        for streams in (">&-", "<&- >&-"):
            for args in (["export"], ["tunnel-list"], ["--help"],
                         ["--dry-run", "filter-add", "flt"]):
                with self.subTest((streams, args)):
                    result = self.with_closed(streams, *args)
                    self.assertEqual(result.code, 1, result)
                    line, = result.lines
                    self.assertTrue(line.startswith(
                        "ovs-mirrorctl: OUTPUT: standard output: "), line)
        self.assertEqual(self.with_closed(">&- 2>&-", "export").code, 1)
        self.assertEqual(
            self.with_closed("<&- >&- 2>&-", "filter-add", "flt").code, 0)

    def test_a_document_from_a_closed_stream_is_no_empty_one(self):
        result = self.with_closed("<&-", "apply", "-")
        self.assertEqual(result.code, 1, result)
        self.assertIn("ovs-mirrorctl: FILE: -: cannot be read: ", result.err)

    def test_a_document_that_does_not_end_is_given_up_at_the_time_out(self):
        fifo = os.path.join(self.db.dir, "fifo")
        os.mkfifo(fifo)
        before = self.contents()
        for name in ("-", fifo):
            with self.subTest(name):
                reader = subprocess.Popen(
                    self.command("--timeout=1", "apply", name), text=True,
                    stdin=subprocess.PIPE, stderr=subprocess.PIPE)
                self.addCleanup(reader.communicate)
                self.addCleanup(reader.kill)
                self.assertEqual(reader.wait(DEADLINE), 1)
                line, = reader.stderr
                self.assertTrue(line.startswith(
                    f"ovs-mirrorctl: TIMEOUT: {name}: "), line)
        self.assertEqual(self.contents(), before)

    def test_a_fifo_is_read_to_its_end_however_late_it_comes(self):
        fifo = os.path.join(self.db.dir, "fifo")
        os.mkfifo(fifo)
        reader = subprocess.Popen(self.command("--timeout=50", "apply", fifo))
        self.addCleanup(reader.communicate)
        self.addCleanup(reader.kill)
        with open(fifo, "w", encoding="ascii", buffering=1) as f:
            f.write('{"vpcs": [{"name": "v1"},\n')
            self.assertIsNone(reader.poll())
            f.write('{"name": "v2"}]}\n')
        self.assertEqual(reader.wait(DEADLINE), 0)
        self.assertEqual([v["name"] for v in self.json("vpc-list")],
                         ["v1", "v2"])
