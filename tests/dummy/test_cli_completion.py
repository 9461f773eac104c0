"""Completion of ovs-mirrorctl in bash, and what it and the help are made of,
against a real ovsdb-server."""

import os
import pty
import re
import select
import shlex
import subprocess
import time

from dummy.cli_case import BUILD, CliTest, DEADLINE, HERE

SOURCE = os.path.join(HERE, "..", "..")
SCRIPT = os.path.join(SOURCE, "utilities", "ovs-mirrorctl.bash")
MAN = os.path.join(SOURCE, "docs", "ovs-mirrorctl.8")
ASK = ('. {script}; COMP_LINE={line}; COMP_POINT={point}; _ovs_mirrorctl; '
       'printf "%s\\n" "${{COMPREPLY[@]}}"')


class Completion(CliTest):
    def environment(self):
        return dict(os.environ, OVS_RUNDIR=self.db.dir, TERM="dumb",
                    OVS_MIRROR_DB=self.db.remote, INPUTRC="/dev/null",
                    PATH=BUILD + os.pathsep + os.environ["PATH"])

    def complete(self, text, point=None):
        """What bash offers after "ovs-mirrorctl TEXT"."""
        line = "ovs-mirrorctl " + text
        point = len(line) if point is None else len("ovs-mirrorctl ") + point
        result = subprocess.run(
            ["bash", "--norc", "-c", ASK.format(
                script=shlex.quote(SCRIPT), line=shlex.quote(line),
                point=point)],
            env=self.environment(), timeout=DEADLINE, text=True,
            capture_output=True, check=True)
        self.assertEqual(result.stderr, "")
        return [word for word in result.stdout.splitlines() if word]

    def commands(self):
        """Name -> syntax, of all commands that there are."""
        return dict(line.split(",", 2)[1:] for line in
                    self.ok("--commands").splitlines())

    def test_every_command_is_completed(self):
        names = self.commands()
        self.assertGreater(len(names), 60)
        self.assertEqual(self.complete(""),
                         sorted(name + " " for name in names))
        self.assertEqual(self.complete("show -- tunnel-i"), ["tunnel-inbox "])

    def test_every_command_is_in_the_man_page(self):
        with open(MAN, encoding="ascii") as f:
            page = re.sub(r"\\f.", "", f.read()).replace("\\-", "-")
        for name in self.commands():
            self.assertRegex(page, rf"(?<![\w-]){name}(?![\w-])", name)

    def test_every_command_has_help_with_its_syntax(self):
        whole = self.ok("--help")
        self.db.kill()                 # It is not asked.
        for name, syntax in self.commands().items():
            with self.subTest(name):
                result = self.run_cli(name, "--help")
                self.assertEqual((result.code, result.err), (0, ""))
                usage, about, *rest = result.out.split("\n\n")
                self.assertTrue(usage.startswith(
                    "usage: ovs-mirrorctl [OPTION...] " + name), usage)
                self.assertGreater(len(about), 10)
                self.assertIn("Example:\n  ovs-mirrorctl ", result.out)
                self.assertIn("\n  " + name, whole)
                for word in re.findall(r"[a-z-]+=", syntax):
                    self.assertIn(word, usage)
                    self.assertIn(word, whole)
                for line in usage.splitlines() + about.splitlines():
                    self.assertLess(len(line), 80)
        self.assertEqual(
            self.run_cli("tunnel-del", "--help", "x", "--force").out,
            self.run_cli("-h", "tunnel-del").out)

    def test_each_option_of_a_command_is_explained(self):
        for command, option in (("apply", "--prune"),
                                ("tunnel-accept", "--generation=N"),
                                ("tunnel-del", "--force"),
                                ("destroy", "--all"),
                                ("list", "--columns=COLUMN,..."),
                                ("get", "--id=@NAME")):
            out = self.ok(command, "--help")
            self.assertIn(f" [{option}]", out)
            self.assertRegex(out, rf"(?m)^  {re.escape(option)}\n      \w")

    def test_the_help_of_what_is_no_command_says_so(self):
        result = self.run_cli("frobnicate", "--help")
        self.assertEqual((result.code, result.out), (2, ""))
        self.assertEqual(len(result.lines), 1)
        self.assertIn('there is no command "frobnicate"', result.err)

    def test_an_example_of_the_help_is_no_usage_error(self):
        for name in self.commands():
            example = re.search(r"Example:\n  ovs-mirrorctl (.*)",
                                self.ok(name, "--help")).group(1)
            if name == "wait-until" or "mirror.json" in example:
                continue
            with self.subTest(example):
                result = self.run_cli("--dry-run", *shlex.split(example))
                self.assertLess(result.code, 2, result)

    def test_options_of_all_commands_and_of_the_command(self):
        self.assertLessEqual({"--db=", "--account=", "--dry-run ", "--help "},
                             set(self.complete("--")))
        self.assertEqual(self.complete("tunnel-del --fo"),
                         ["--force ", "--format="])
        self.assertEqual(self.complete("tunnel-list --fo"), ["--format="])
        self.assertEqual(self.complete("--format="),
                         ["csv ", "json ", "table "])
        self.assertEqual(self.complete("--wait h"), ["hv "])

    def test_keys_and_their_values(self):
        self.apply()
        self.assertEqual(self.complete("tunnel-add new vn"), ["vni="])
        self.assertEqual(self.complete("tunnel-add new mode="),
                         ["count ", "mirror "])
        self.assertEqual(self.complete("tunnel-add new vni=7 v"), [])
        self.assertEqual(self.complete("filter-set acme/web non-ip=m"),
                         ["mirror "])
        self.assertEqual(self.complete("rule-add acme/web in"),
                         ["inbound "])
        self.assertEqual(self.complete("rule-add acme/web inbound 5 "),
                         ["accept ", "reject "])
        self.assertEqual(self.complete("tunnel-add new filter="),
                         ["acme/web "])

    def test_names_are_those_of_the_database(self):
        self.apply()
        self.assertEqual(self.complete("tunnel-show "), ["acme/web1-ids "])
        self.assertEqual(self.complete("filter-del a"), ["acme/web "])
        self.assertEqual(
            self.complete("tunnel-add new destination="),
            ["acme/ids ", "acme/web1-src ", "beta/beta-ids "])
        self.assertEqual(self.complete("resource-del acme/web1-src acme/i"),
                         ["acme/ids "])
        self.assertEqual(
            self.complete("resource-add new source network-interface w"),
            ["web1-eth0 "])
        self.assertEqual(self.complete("peering-add new vpc-a "),
                         ["vpc-a ", "vpc-b "])
        self.assertEqual(self.complete("route-add sn-a 10.0.0.0/8 "),
                         ["a-to-b ", "local "])
        self.assertEqual(self.complete("tunnel-show x", point=12),
                         ["acme/web1-ids "])

    def test_an_account_is_offered_what_it_may_see(self):
        self.apply()
        self.ok("--account=acme", "tunnel-add", "shared", "source=web1-src",
                "destination=beta/beta-ids")
        self.assertEqual(self.complete("--account=acme tunnel-set "),
                         ["shared ", "web1-ids "])
        self.assertEqual(self.complete("--account beta tunnel-accept "),
                         ["acme/shared "])
        self.assertEqual(self.complete("--account=eve tunnel-show "), [])

    def test_nonsense_completes_to_nothing(self):
        self.apply()
        for text in ("frobnicate ", "a/b|c& ", "tunnel-show 'x", "* ", "[ x",
                     "tunnel-add new &=", "tunnel-set acme/web1-ids |", "--"
                     "frob=", "-- -- ", "tunnel-list more "):
            with self.subTest(text):
                offered = self.complete(text)
                self.assertIn(len(offered), (0, len(self.commands())))

    def test_without_a_database_nothing_is_said_and_soon(self):
        self.db.process.send_signal(19)       # Stopped: it does not answer.
        began = time.monotonic()
        self.assertEqual(self.complete("tunnel-show "), [])
        self.assertLess(time.monotonic() - began, 5)

    def test_tabs_typed_in_bash(self):
        """What readline makes of it."""
        self.apply()
        child, terminal = pty.fork()
        if not child:
            os.execvpe("bash", ["bash", "--norc", "--noprofile", "-i"],
                       dict(self.environment(), PS1="> "))
        self.addCleanup(os.waitpid, child, 0)
        self.addCleanup(os.close, terminal)
        seen = []

        def read_until(text):
            end = time.monotonic() + DEADLINE
            while text not in "".join(seen):
                self.assertLess(time.monotonic(), end, seen)
                if select.select([terminal], [], [], 0.2)[0]:
                    seen.append(os.read(terminal, 4096).decode())

        def write(text):
            seen.clear()
            os.write(terminal, text.encode())
        write(f". {shlex.quote(SCRIPT)}; echo re''ady\n")
        read_until("ready")
        write("ovs-mirrorctl tunnel-se\tac\tfilter=a\tmode=c\t--dry\t\n")
        read_until('change mirror_tunnels acme/web1-ids: mode "mirror" -> '
                   '"count"')
        write("exit\n")
