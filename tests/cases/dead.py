"""A Mirror row that vswitchd does not honour: noticed, reported, and copying
again when it lives."""

import time

from cases.product import ProductCases
from lab.waiting import wait_until

MIRRORS_MAX = 32
# vswitchd writes statistics every 5 seconds, and only those of a live Mirror;
# twice that, and a second, without any is judged to be death.
SEEN_S = 20


class DeadCases(ProductCases):
    guests = {"web1": (), "db1": ()}
    links = [("web1", "db1")]
    collectors = {"ids4": 4}

    def reasons(self):
        return {r["code"] for r in self.listed("first")["reasons"]}

    def running(self):
        self.tunnel("first", self.ids4, 7001)
        self.lab.wait_copied(self.lab.talk("web1", "db1"), self.ids4, 7001)

    def check_copies(self):
        self.lab.clear()
        talk = self.lab.talk("web1", "db1")
        self.lab.wait_copied(talk, self.ids4, 7001)
        self.lab.clear()
        frames, back = talk.frames(range(20)), talk.back().frames(
            range(20, 40))
        self.lab.exchange((self.web1, frames), (self.db1, back))
        self.assert_copied(self.ids4, 7001, frames + back)

    def add_theirs(self, count):
        """Others' Mirrors, of which none copies anything, and with the
        lowest of UUIDs: vswitchd takes Mirrors in that order."""
        self.switch.vsctl("--", "--may-exist", "add-port", "br-int",
                          "theirs", "--", "set", "Interface", "theirs",
                          f"type={self.port_type}")
        port, = [row["_uuid"] for row in self.switch.rows(
            "Port", "_uuid", "name") if row["name"] == "theirs"]
        uuids = [["uuid", f"00000000-0000-4000-8000-{i:012}"]
                 for i in range(count)]
        self.switch.transact(*(
            {"op": "insert", "table": "Mirror", "uuid": uuid[1],
             "row": {"name": f"theirs{i}", "output_port": ["uuid", port]}}
            for i, uuid in enumerate(uuids)), {
                "op": "mutate", "table": "Bridge",
                "where": [["name", "==", "br-int"]],
                "mutations": [["mirrors", "insert", ["set", uuids]]]})

    def drop_theirs(self):
        theirs = [row["_uuid"] for row in self.switch.rows(
            "Mirror", "_uuid", "name") if row["name"].startswith("theirs")]
        if theirs:
            self.switch.vsctl("--no-wait", "remove", "Bridge", "br-int",
                              "mirrors", *theirs)

    def restart_vswitchd(self):
        self.switch.stop_vswitchd()
        self.switch.start_vswitchd()
        self.switch.underlay_up()
        for collector in self.lab.collectors.values():
            self.lab.route(collector, True)
        self.lab.forget_captures()
        self.lab.wait_link("web1", "db1")
        self.lab.wait_link("db1", "web1")

    def ours_dead(self):
        """Whether a Mirror of ours is among those without statistics."""
        return [row["name"] for row in self.switch.rows(
            "Mirror", "name", "statistics")
            if not row["statistics"] and not row["name"].startswith("their")]

    def test_the_33rd_mirror_is_said_to_be_dead_and_lives_again(self):
        """While vswitchd runs the youngest is dead; at its start, the one
        with the highest UUID, which is ours."""
        self.running()
        self.addCleanup(self.drop_theirs)
        self.add_theirs(MIRRORS_MAX - 1)
        self.restart_vswitchd()
        wait_until(lambda: sum(bool(row["statistics"]) for row in
                               self.switch.rows("Mirror", "statistics"))
                   == MIRRORS_MAX, "32 Mirrors to live", 30, 0.1)
        since = time.monotonic()
        self.assertTrue(self.ours_dead(), "none of ours is dead")
        listed = self.control.wait_tunnel(
            "first", lambda t: "MIRROR_DEAD" in {
                r["code"] for r in t["reasons"]},
            "to say that its Mirror is dead", SEEN_S)
        self.assertEqual(listed["health"], "degraded")
        said = time.monotonic()
        self.drop_theirs()
        self.control.wait_tunnel(
            "first", lambda t: t["health"] == "ok" and not t["reasons"],
            "to be well when slots are free", SEEN_S)
        print(f"     MIRROR_DEAD: shown after {1000 * (said - since):.0f} ms "
              f"from 32 Mirrors with statistics on, gone after "
              f"{1000 * (time.monotonic() - said):.0f} ms", flush=True)
        self.check_copies()

    def test_never_more_than_32_rows_are_written(self):
        """Others take all slots but one while nothing is mirrored."""
        self.add_theirs(MIRRORS_MAX - 1)
        self.addCleanup(self.drop_theirs)
        self.wish("first", self.ids4, 7001)
        self.control.wait_tunnel(
            "first", lambda t: "SLOTS_EXHAUSTED" in {
                r["code"] for r in t["reasons"]}, "to have no slot")
        self.assertEqual(len(self.switch.rows("Mirror", "name")),
                         MIRRORS_MAX - 1)
        self.drop_theirs()
        self.control.wait_running("first")
        self.check_copies()

    def test_a_lost_output_port_is_put_back(self):
        self.running()
        self.switch.vsctl("--no-wait", "clear", "Mirror", "mirror-in-1",
                          "output_port")
        wait_until(lambda: all(
            row["output_port"] for row in self.switch.rows(
                "Mirror", "output_port")), "the output port to be put back")
        self.control.wait_running("first")
        self.check_copies()
