"""What a hypervisor writes among others, and what waits for its turn."""

from cases.product import ProductCases
from lab import connections
from lab.turn import READING, DeafToLocks, Turn
from lab.waiting import wait_until

NAMES = [f"many-{number}" for number in range(8)]
SOURCES = ("web1", "db1", "other1")


class TurnCases(ProductCases):
    def reported(self, generation):
        """Tunnels whose filter is told to be in force as of a generation."""
        return [row["name"] for row in self.control.rows("Tunnel_Status")
                if row["observed_filter_generation"] == generation]

    def reported_generation(self, name):
        return next(row["observed_generation"]
                    for row in self.control.rows("Tunnel_Status")
                    if row["name"] == name)

    def put_filter(self, port):
        """All tunnels' filter; returns its generation."""
        self.filter("web", inbound=[{"action": "accept", "protocol": "tcp",
                                     "source_port": port}])
        return self.control.rows("Mirror_Filter")[0]["generation"]

    def put_tunnel(self, number, vni):
        """Each of a source and a destination that no other has."""
        boxes = (self.ids4, self.ids6, self.other4)
        self.wish(NAMES[number], boxes[number // 3], vni,
                  source=SOURCES[number % 3], filter="web")

    def run_one(self):
        self.put_filter(80)
        self.put_tunnel(0, 7001)
        self.control.wait_running(NAMES[0])

    def run_many(self):
        self.put_filter(80)
        for number in range(len(NAMES)):
            self.put_tunnel(number, 7001 + number)
        self.control.wait_running(*NAMES)

    def test_one_change_is_told_while_the_statuses_of_many_wait(self):
        self.run_many()
        self.daemon.wait_settled()
        with Turn(self.control.socket) as turn:
            self.assertTrue(turn.held)
            generation = self.put_filter(81)
            wait_until(lambda: any("tp_src=81" in flow for flow in
                                   self.switch.flows("br-mirror")),
                       "the filter in force")
            self.put_tunnel(0, 7101)
            self.control.wait_running(NAMES[0])
            self.assertEqual(self.reported(generation), NAMES[:1])
        wait_until(lambda: sorted(self.reported(generation)) == NAMES,
                   "all told")
        self.control.ctl("--wait=hv", "sync")

    def test_a_filter_new_here_does_not_wait_with_what_many_have_to_say(self):
        self.run_many()
        self.daemon.wait_settled()
        self.filter("narrow", inbound=[{"action": "accept", "protocol": "tcp",
                                        "source_port": 82}])
        with Turn(self.control.socket) as turn:
            self.assertTrue(turn.held)
            words = ["--", "tunnel-set", NAMES[0], "filter=narrow"]
            for name in NAMES[1:7]:
                words += ["--", "tunnel-set", name, "enabled=false"]
            self.control.ctl(*words[1:])
            wait_until(lambda: any("tp_src=82" in flow for flow in
                                   self.switch.flows("br-mirror")),
                       "the filter in force")

    def test_a_server_that_does_not_answer_is_asked_again(self):
        path = f"{self.control.rundir}/deaf.sock"
        with DeafToLocks(path, self.control.socket) as deaf:
            self.switch.vsctl("set", "Open_vSwitch", ".",
                              f'external_ids:mirror-remote="unix:{path}"')
            try:
                self.run_many()
                generation = self.put_filter(81)
                wait_until(lambda: sorted(self.reported(generation)) == NAMES,
                           "all told", 30)
                self.assertTrue(deaf.left)
            finally:
                self.daemon.stop()  # It is started with the lab's own way.

    def test_who_lost_the_server_is_told_what_changed_in_his_turn(self):
        self.run_one()
        with Turn(self.control.socket, READING) as turn:
            self.assertTrue(turn.held)
            connections.cut(self.daemon.pid, self.control.socket)
            self.put_tunnel(0, 7101)
            with self.assertRaises(TimeoutError):
                wait_until(lambda: self.reported_generation(NAMES[0]) == 2,
                           "what nobody can have read", 2)
        self.control.wait_running(NAMES[0])
        self.assertEqual(self.reported_generation(NAMES[0]), 2)

    def test_the_end_of_many_waits_for_nobody_in_a_clean_up(self):
        self.run_many()
        with Turn(self.control.socket):
            self.daemon.appctl("exit", "--cleanup")
            wait_until(lambda: not self.control.rows("Tunnel_Status"),
                       "no status", 20)
        self.daemon.wait()

    def test_a_clean_up_waits_for_no_turn_to_read(self):
        self.run_one()
        with Turn(self.control.socket, READING) as turn:
            self.assertTrue(turn.held)
            connections.cut(self.daemon.pid, self.control.socket)
            self.daemon.appctl("exit", "--cleanup")
            wait_until(lambda: not self.control.rows("Tunnel_Status"),
                       "no status", 20)
        self.daemon.wait()

    def test_filters_that_end_together_leave_no_row(self):
        for number in range(len(NAMES)):
            self.filter(f"of-{number}", inbound=[{
                "action": "accept", "protocol": "tcp",
                "destination_port": 80 + number}])
            self.wish(NAMES[number], (self.ids4, self.ids6,
                                      self.other4)[number // 3],
                      7001 + number, source=SOURCES[number % 3],
                      filter=f"of-{number}")
        self.control.wait_running(*NAMES)
        self.assertEqual(len(self.control.rows("Filter_Status")), len(NAMES))
        words = []
        for name in NAMES:
            words += ["--", "tunnel-del", name]
        self.control.ctl(*words[1:])
        wait_until(lambda: not self.control.rows("Filter_Status"),
                   "no row of a filter")
