"""The lab of network namespaces, tried on a mirror built by hand."""

import os
import signal
import subprocess
import sys
import unittest

from cases.lab_itself import LabCases
from lab import RealLab
from lab.waiting import wait_until


class Lab(LabCases, unittest.TestCase):
    make_lab = RealLab


class Machine(unittest.TestCase):
    """What the lab leaves behind: nothing."""

    def test_removes_namespaces_processes_and_directories(self):
        with RealLab() as lab:
            lab.add_guest("web1")
            prefix, top = lab.prefix, lab.top
            pids = [p.pid for p in lab.processes]
            self.assertTrue(os.path.exists(f"/run/netns/{prefix}-web1"))
        self.assertEqual([n for n in os.listdir("/run/netns")
                          if n.startswith(prefix)], [])
        self.assertFalse(os.path.exists(top))
        self.assertEqual([p for p in pids if os.path.exists(f"/proc/{p}")],
                         [])

    def test_ends_orderly_on_sigterm(self):
        tests = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
        child = subprocess.Popen(
            [sys.executable, "-B", "-c",
             "import sys; sys.path.insert(0, sys.argv[1])\n"
             "from lab import RealLab\n"
             "lab = RealLab(); lab.add_guest('web1')\n"
             "print(lab.prefix, lab.top, flush=True)\n"
             "sys.stdin.read()", tests],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        prefix, top = child.stdout.readline().split()
        child.send_signal(signal.SIGTERM)
        self.assertEqual(child.wait(20), 128 + signal.SIGTERM)
        child.stdin.close()
        child.stdout.close()
        self.assertEqual([n for n in os.listdir("/run/netns")
                          if n.startswith(prefix)], [])
        self.assertFalse(os.path.exists(top))


class Traffic(unittest.TestCase):
    """Guests with a kernel stack of their own."""

    def test_passes_ping_and_tcp(self):
        with RealLab() as lab:
            web, client = (lab.add_guest("web1", stack=True),
                           lab.add_guest("client1", stack=True))
            lab.wait_link("client1", "web1")
            wait_until(lambda: client.namespace.run(
                ["ping", "-c1", "-W1", web.ip], check=False).returncode == 0,
                "a ping to pass")
            http = lab.process(
                ["python3", "-m", "http.server", "80", "--directory",
                 lab.directory("www")], f"{lab.top}/http.log",
                namespace=web.namespace)
            self.assertTrue(http.alive())
            get = ["python3", "-c", "import urllib.request as r; print("
                   f"r.urlopen('http://{web.ip}/', timeout=2).status)"]
            self.assertEqual(wait_until(
                lambda: client.namespace.run(get, check=False).stdout,
                "an answer from the web server").strip(), "200")
