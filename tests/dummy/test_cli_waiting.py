"""ovs-mirrorctl against a real ovsdb-server: waiting for hypervisors, other
writers, and servers that fail."""

import json
import os
import signal
import subprocess
import time

from dummy.cli_case import CliTest, DEADLINE, DOCUMENT, LIST_KEYS, find_server


class Waiting(CliTest):
    """A hypervisor is played by writing its rows."""

    def setUp(self):
        super().setUp()
        self.apply()
        self.tunnel = self.json("tunnel-list")[0]["id"]

    def hypervisor(self, cfg=0, heartbeat=None, name="hv1"):
        now = int(time.time() * 1000) if heartbeat is None else heartbeat
        self.ok("create", "Chassis", "name=" + name, "cfg=%d" % cfg,
                "heartbeat=%d" % now)

    def status(self, generation, bound="true", chassis="hv1"):
        self.ok("create", "Tunnel_Status", "tunnel=" + self.tunnel,
                "chassis=" + chassis, "number=1", "name=web1-ids",
                "account=acme", "destination_account=acme", "source=web1-src",
                "destination=ids", "health=ok", "bound=" + bound,
                "observed_generation=%d" % generation,
                "observed_filter_generation=1")

    def start(self, *args):
        process = subprocess.Popen(
            self.command("--wait=hv", "--timeout=50", *args),
            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.communicate)
        self.addCleanup(process.kill)
        return process

    def test_not_installed_in_time_is_exit_3_with_the_reason(self):
        result = self.run_cli("--wait=hv", "--timeout=1", "tunnel-set",
                              "acme/web1-ids", "vni=2")
        self.assertEqual(result.code, 3, result)
        self.assertRegex(result.lines[0],
                         r"^ovs-mirrorctl: NOT_INSTALLED: acme/web1-ids: .")
        self.assertEqual(self.json("tunnel-list")[0]["vni"], 2)

    def test_returns_when_the_hypervisor_has_installed_it(self):
        self.hypervisor()
        self.status(1)
        process = self.start("tunnel-set", "acme/web1-ids", "vni=2")
        self.ok("wait-until", "Mirror_Global", ".", "cfg>=1")
        self.ok("set", "Tunnel_Status", "web1-ids", "observed_generation=2")
        self.assertIsNone(process.poll(), "did not wait for the chassis")
        self.ok("set", "Chassis", "hv1", "cfg=1")
        self.assertEqual(process.wait(DEADLINE), 0)

    def test_what_is_named_is_awaited_though_it_did_not_change(self):
        result = self.run_cli("--wait=hv", "--timeout=1", "apply", "-",
                              text=json.dumps(DOCUMENT))
        self.assertEqual(result.code, 3, result)

    def test_a_deletion_said_again_is_awaited_until_nothing_is_left(self):
        self.hypervisor(cfg=9)
        self.status(1)
        for _ in range(2):
            result = self.run_cli("--wait=hv", "--timeout=1", "tunnel-del",
                                  "acme/web1-ids")
            self.assertEqual(result.code, 3, result)
            self.assertIn("not yet removed it", result.err)

    def test_a_filter_named_without_a_change_is_awaited(self):
        self.hypervisor(cfg=9)
        self.status(1)
        for _ in range(2):
            result = self.run_cli("--wait=hv", "--timeout=1", "filter-set",
                                  "acme/web", "non-ip=mirror")
            self.assertEqual(result.code, 3, result)
            self.assertIn("NOT_INSTALLED: acme/web1-ids: ", result.err)
        self.ok("set", "Tunnel_Status", "web1-ids",
                "observed_filter_generation=2")
        self.ok("--wait=hv", "filter-set", "acme/web", "non-ip=mirror")

    def test_what_a_named_row_of_the_inventory_is_used_by_is_awaited(self):
        result = self.run_cli("--wait=hv", "--timeout=1", "nic-set",
                              "web1-eth0", "mtu=1450")
        self.assertEqual(result.code, 3, result)

    def test_of_a_deleted_tunnel_only_what_is_known_is_shown(self):
        self.hypervisor()
        self.status(1)
        self.ok("tunnel-del", "acme/web1-ids")
        shown, = self.json("tunnel-list")
        self.assertEqual(shown["state"], "Shutting down")
        self.assertEqual(list(shown), LIST_KEYS)
        for key in ("mode", "rate_kbps", "enabled", "generation", "created",
                    "packet_length"):
            self.assertIsNone(shown[key], key)
        self.ok("tunnel-list")
        self.ok("tunnel-show", "acme/web1-ids")

    def test_what_no_hypervisor_has_observed_is_not_known(self):
        def observed():
            csv = self.ok("tunnel-list", "--format=csv").splitlines()
            field = csv[0].split(",").index("observed_generation")
            shown, = self.json("tunnel-list")
            return shown["observed_generation"], csv[1].split(",")[field]

        self.assertEqual(observed(), (None, ""))
        self.assertIn("observed none", self.ok("tunnel-show", "acme/web1-ids"))
        self.status(0)
        self.assertEqual(observed(), (0, "0"))
        self.ok("set", "Tunnel_Status", ".", "observed_generation=1")
        self.assertEqual(observed(), (1, "1"))

    def test_an_unbound_hypervisor_does_not_count(self):
        self.hypervisor(cfg=9)
        self.status(2, bound="false")
        result = self.run_cli("--wait=hv", "--timeout=1", "tunnel-set",
                              "acme/web1-ids", "vni=2")
        self.assertEqual(result.code, 3, result)

    def absent(self, code):
        """The hypervisor says that nothing is in force, and why."""
        self.ok("set", "Tunnel_Status", ".", "conditions:Installed=False",
                "condition_reasons:Installed=\"%s: why\"" % code,
                "reasons:%s=why" % code)

    def test_what_has_seen_the_edit_and_installed_nothing_does_not_count(self):
        self.hypervisor(cfg=9)
        self.status(2)
        self.absent("NO_ROUTE")
        result = self.run_cli("--wait=hv", "--timeout=1", "tunnel-set",
                              "acme/web1-ids", "vni=2")
        self.assertEqual(result.code, 3, result)
        self.assertIn("NOT_INSTALLED: acme/web1-ids: NO_ROUTE: why",
                      result.err)

    def test_a_tunnel_that_is_set_to_stop_is_awaited_until_it_has(self):
        self.hypervisor(cfg=9)
        self.status(2)
        self.absent("DISABLED")
        self.ok("--wait=hv", "--timeout=9", "tunnel-set", "acme/web1-ids",
                "enabled=false")

    def test_what_the_inventory_stops_is_done_when_it_has_stopped(self):
        """The edit's purpose is just that; what the tunnel's own edit wants
        is that it runs."""
        self.hypervisor(cfg=9)
        self.status(1)
        self.absent("TARGET_MISSING")
        self.ok("--wait=hv", "--timeout=9", "collector-del", "suricata1")
        result = self.run_cli("--wait=hv", "--timeout=1", "tunnel-set",
                              "acme/web1-ids", "vni=7001")
        self.assertEqual(result.code, 3, result)

    def test_a_peering_is_awaited_with_the_tunnels_that_cross_it(self):
        self.ok("--account=acme", "tunnel-add", "to-beta", "source=web1-src",
                "destination=beta/beta-ids")
        self.ok("--account=beta", "tunnel-accept", "acme/to-beta")
        self.tunnel, = [t["id"] for t in self.json("tunnel-list")
                        if t["name"] == "to-beta"]
        self.hypervisor()
        self.status(1)
        result = self.run_cli("--wait=hv", "--timeout=1", "peering-set",
                              "a-to-b", "state=inactive")
        self.assertEqual(result.code, 3, result)
        self.assertIn("NOT_INSTALLED: hypervisor hv1: ", result.err)
        self.ok("set", "Chassis", "hv1", "cfg=9")
        self.absent("PEERING_MISSING")
        self.ok("--wait=hv", "--timeout=9", "peering-set", "a-to-b",
                "state=inactive")
        result = self.run_cli("--wait=hv", "--timeout=1", "peering-set",
                              "a-to-b", "state=active")
        self.assertEqual(result.code, 3, result)
        self.assertIn("NOT_INSTALLED: acme/to-beta: ", result.err)

    def test_a_deleted_tunnel_is_awaited_until_its_status_is_gone(self):
        self.hypervisor(cfg=9)
        self.status(1)
        process = self.start("tunnel-del", "acme/web1-ids")
        self.ok("wait-until", "Mirror_Global", ".", "cfg>=1")
        state, = [t["state"] for t in self.json("tunnel-list")]
        self.assertEqual(state, "Shutting down")
        self.ok("tunnel-del", "acme/web1-ids")
        self.assertIsNone(process.poll())
        self.ok("destroy", "Tunnel_Status", "web1-ids")
        self.assertEqual(process.wait(DEADLINE), 0)

    def test_a_row_set_to_stop_is_awaited_until_its_hypervisor_has(self):
        self.hypervisor()
        self.status(1)
        process = self.start("set", "Mirror_Tunnel", "web1-ids",
                             "enabled=false")
        self.ok("wait-until", "Mirror_Global", ".", "cfg>=1")
        self.ok("wait-until", "Mirror_Tunnel", "web1-ids", "enabled=false")
        self.assertIsNone(process.poll(), "did not wait for the chassis")
        self.ok("set", "Chassis", "hv1", "cfg=1")
        self.assertEqual(process.wait(DEADLINE), 0)

    def test_a_row_is_awaited_with_the_tunnels_that_refer_to_it(self):
        self.hypervisor()
        self.status(1)
        result = self.run_cli("--wait=hv", "--timeout=1", "set", "Collector",
                              "suricata1", "address=192.0.2.77")
        self.assertEqual(result.code, 3, result)

    def test_a_destroyed_row_is_awaited_until_its_status_is_gone(self):
        self.hypervisor(cfg=9)
        self.status(1)
        process = self.start("destroy", "Mirror_Tunnel", "web1-ids")
        self.ok("wait-until", "Mirror_Global", ".", "cfg>=1")
        self.assertEqual([t["state"] for t in self.json("tunnel-list")],
                         ["Shutting down"])
        self.assertIsNone(process.poll())
        self.ok("destroy", "Tunnel_Status", "web1-ids")
        self.assertEqual(process.wait(DEADLINE), 0)

    def test_a_hypervisor_that_is_gone_for_good_can_be_forgotten(self):
        """What it had runs on another, which nobody would wait for."""
        self.hypervisor(heartbeat=1)
        self.hypervisor(cfg=9, name="hv2")
        self.status(1)
        self.status(9, chassis="hv2")
        filter_id = self.ok("--bare", "--columns=_uuid", "list",
                            "Mirror_Filter").strip()
        self.ok("create", "Filter_Status", "filter=" + filter_id,
                "chassis=hv1", "number=1", "name=web", "account=acme")
        change = ["--wait=hv", "--timeout=1", "tunnel-set", "acme/web1-ids"]
        result = self.run_cli(*change, "vni=2")
        self.assertEqual(result.code, 3, result)
        self.assertIn("hypervisor hv1: HostAlive", result.err)
        self.assertIn('"chassis-del" forgets it', result.err)
        before = self.contents()
        for code, words in (("INVALID_STATE", ["hv1", "hv2"]),
                            ("NOT_FOUND", ["hv1", "hv3"])):
            self.refused(code, "chassis-del", *words)
        self.refused("NOT_OWNER", "--account=acme", "chassis-del", "hv1")
        self.assertIn("forget hypervisor hv1\n",
                      self.ok("--dry-run", "chassis-del", "hv1"))
        self.assertEqual(self.contents(), before)
        # Who is forgotten is waited for by nobody.
        self.ok("--wait=hv", "--timeout=9", "chassis-del", "hv1", "--",
                "tunnel-set", "acme/web1-ids", "vni=4")
        for table, names in (("Chassis", ["hv2"]), ("Filter_Status", []),
                             ("Tunnel_Status", ["hv2"])):
            column = "name" if table == "Chassis" else "chassis"
            self.assertEqual([row[0] for row in self.rows(table, column)],
                             names, table)
        self.assertEqual(self.run_cli(*change, "vni=3").code, 0)

    def test_force_forgets_a_hypervisor_that_is_gone(self):
        self.hypervisor(heartbeat=1)
        self.status(1)
        self.ok("tunnel-del", "acme/web1-ids", "--force")
        self.assertEqual(self.json("tunnel-list"), [])

    def test_force_leaves_a_live_hypervisor_its_row(self):
        self.hypervisor()
        self.status(1)
        out = self.ok("tunnel-del", "acme/web1-ids", "--force")
        self.assertRegex(out, "^acme/web1-ids: hypervisor hv1 is alive, .")
        self.assertEqual(self.json("tunnel-list")[0]["state"],
                         "Shutting down")

    def test_a_heartbeat_of_the_future_keeps_nothing_from_force(self):
        """A clock that was wrong does not speak for a hypervisor, just as
        tunnel-list does not call it alive."""
        self.hypervisor(heartbeat=int(time.time() * 1000) + 3600000)
        self.status(1)
        host, = self.json("show")["hypervisors"]
        self.assertFalse(host["alive"])
        self.assertIn("lies ahead", self.ok("show"))
        self.assertEqual(self.ok("tunnel-del", "acme/web1-ids", "--force"), "")
        self.assertEqual(self.json("tunnel-list"), [])

    def test_sync_waits_for_live_hypervisors_only(self):
        self.ok("sync")
        self.hypervisor(heartbeat=1)
        self.status(1)
        self.ok("sync")
        self.ok("set", "Chassis", "hv1",
                "heartbeat=%d" % int(time.time() * 1000))
        result = self.run_cli("--timeout=1", "sync")
        self.assertEqual(result.code, 3, result)
        # Its clock may be wrong, or ours: it may be alive all the same.
        self.ok("set", "Chassis", "hv1",
                "heartbeat=%d" % (int(time.time() * 1000) + 3600000))
        result = self.run_cli("--timeout=1", "sync")
        self.assertEqual(result.code, 3, result)

    def test_no_account_waits_for_hypervisors_of_others_alone(self):
        self.hypervisor()
        self.status(1)
        for command in (["sync"], ["--wait=hv", "filter-add", "own"]):
            result = self.run_cli("--account=gamma", "--timeout=9", *command)
            self.assertEqual((result.code, result.err), (0, ""), command)
        result = self.run_cli("--account=acme", "--timeout=1", "sync")
        self.assertEqual(result.code, 3, result)
        self.assertIn("NOT_INSTALLED: hypervisor hv1: ", result.err)

    def test_no_account_waits_for_what_it_finds_again_for_another(self):
        for account, waits in [("gamma", False), ("acme", True)]:
            self.ok("destroy", "Network_Interface", "web1-eth0")
            self.ok("create", "Network_Interface", "name=web1-eth0",
                    "iface_id=web1-eth0", "hypervisor=kvm")
            result = self.run_cli("--account=" + account, "--wait=hv",
                                  "--timeout=1", "filter-add", "own")
            self.assertEqual("NOT_INSTALLED: acme/web1-ids: " in result.err,
                             waits, result)
            self.assertEqual(result.code, 3 if waits else 0, result)

    def test_what_can_count_no_more_is_said_with_its_mend(self):
        self.hypervisor()
        self.ok("set", "Mirror_Global", ".", "cfg=%d" % (2 ** 63 - 1))
        result = self.run_cli("--wait=hv", "--timeout=1", "tunnel-set",
                              "acme/web1-ids", "vni=9")
        self.assertEqual(result.code, 1, result)
        self.assertEqual(len(result.lines), 1, result)
        self.assertRegex(result.lines[0], r"^ovs-mirrorctl: DATABASE: "
                         r"Mirror_Global.cfg: .*set Mirror_Global \. cfg=0")
        self.assertNotEqual(self.json("tunnel-list")[0]["vni"], 9)
        self.ok("set", "Mirror_Global", ".", "cfg=0")
        self.status(9)
        process = self.start("tunnel-set", "acme/web1-ids", "vni=9")
        self.ok("wait-until", "Mirror_Global", ".", "cfg=1")
        self.ok("set", "Chassis", "hv1", "cfg=1")
        self.assertEqual(process.wait(DEADLINE), 0)

    def test_only_wait_bumps_cfg(self):
        self.ok("init")
        self.ok("tunnel-set", "acme/web1-ids", "vni=2")
        self.assertEqual(self.rows("Mirror_Global", "cfg"), [[0]])


class Races(CliTest):
    def test_concurrent_writers_lose_nothing(self):
        self.apply()
        n = 8
        processes = [
            subprocess.Popen(self.command(
                "rule-add", "acme/web", "inbound", str(1000 + i), "accept"))
            for i in range(n)]
        for process in processes:
            self.assertEqual(process.wait(DEADLINE), 0)
        shown = self.json("filter-show", "acme/web")
        self.assertEqual(len(shown["rules"]), 4 + n)
        self.assertEqual(shown["generation"], 1 + n)

    def test_of_concurrent_creators_one_wins_and_the_others_hear_why(self):
        processes = [
            subprocess.Popen(self.command("filter-add", "same"),
                             stderr=subprocess.PIPE, text=True)
            for _ in range(6)]
        errors = []
        for process in processes:
            _, err = process.communicate(timeout=DEADLINE)
            errors.append((process.returncode, err))
        self.assertEqual(sorted(code for code, _ in errors),
                         [0] + [1] * 5)
        for code, err in errors:
            if code:
                self.assertIn("DUPLICATE", err)

    def at_once(self, *commands):
        """Runs commands that come to the server together; returns the exit
        codes and what was said."""
        self.db.process.send_signal(signal.SIGSTOP)
        processes = [subprocess.Popen(self.command(*command), text=True,
                                      stdout=subprocess.DEVNULL,
                                      stderr=subprocess.PIPE)
                     for command in commands]
        self.db.process.send_signal(signal.SIGCONT)
        said = [process.communicate(timeout=DEADLINE)[1]
                for process in processes]
        return [process.returncode for process in processes], "".join(said)

    def test_of_tunnels_made_at_once_each_has_a_vni_of_its_own(self):
        self.apply()
        codes, _ = self.at_once(*(
            ["filter-add", f"acme/web{n}", "--", "tunnel-add",
             f"acme/more-{n}", "source=web1-src", "destination=ids",
             f"filter=web{n}"] for n in range(6)))
        self.assertEqual(codes, [0] * 6)
        vnis = [tunnel["vni"] for tunnel in self.json("tunnel-list")]
        self.assertEqual(len(set(vnis)), 7, vnis)

    def test_of_like_tunnels_made_at_once_one_stays(self):
        self.apply()
        codes, said = self.at_once(*(
            ["tunnel-add", f"acme/more-{n}", "source=web1-src",
             "destination=ids"] for n in range(6)))
        self.assertEqual(sorted(codes), [0] + [1] * 5)
        self.assertEqual(said.count("DUPLICATE_TUNNEL"), 5, said)

    def test_of_both_purposes_given_to_a_nic_at_once_one_stays(self):
        self.ok("nic-add", "nicx", "iface-id=nicx")
        codes, said = self.at_once(
            *(["resource-add", f"{purpose}-{n}", purpose,
               "network-interface", "nicx"]
              for n in range(4) for purpose in ("source", "destination")))
        self.assertEqual(sorted(codes), [0] + [1] * 7)
        self.assertIn("ROLE_CONFLICT", said)


class Failures(CliTest):
    def test_no_database_is_one_clear_line_at_once(self):
        self.db.kill()
        path = self.db.remote[len("unix:"):]
        if os.path.exists(path):
            os.unlink(path)
        result = self.run_cli("tunnel-list")
        self.assertEqual(result.code, 1, result)
        self.assertEqual(len(result.lines), 1, result)
        self.assertIn(self.db.remote, result.err)

    def test_another_database_on_the_socket_is_an_error_not_a_hang(self):
        schema = os.path.join(self.db.dir, "other.ovsschema")
        with open(schema, "w") as f:
            json.dump({"name": "Other", "version": "1.0.0", "tables": {
                "T": {"columns": {"c": {"type": "string"}}}}}, f)
        self.db.kill()
        os.unlink(self.db.file)
        subprocess.run([find_server()[1], "create", self.db.file, schema],
                       check=True)
        self.db.start()
        result = self.run_cli("--timeout=2", "tunnel-list")
        self.assertEqual(result.code, 1, result)

    def test_a_stopped_database_ends_at_the_timeout(self):
        self.db.process.send_signal(signal.SIGSTOP)
        result = self.run_cli("--timeout=1", "filter-add", "flt")
        self.assertEqual(result.code, 1, result)
        self.assertEqual(len(result.lines), 1, result)

    def test_a_database_that_dies_midway_is_an_error_not_a_hang(self):
        waiter = subprocess.Popen(
            self.command("wait-until", "VPC", "v1", "--", "vpc-set", "v1",
                         "region=x"),
            stderr=subprocess.PIPE, text=True)
        # It monitors our database besides the server's own.
        end = time.monotonic() + DEADLINE
        shown = ""
        while "monitors:2" not in shown:
            self.assertLess(time.monotonic(), end, shown)
            shown = subprocess.run(
                ["ovs-appctl", "-t", os.path.join(self.db.dir, "ctl"),
                 "memory/show"], stdout=subprocess.PIPE, text=True,
                check=True).stdout
        self.db.kill()
        _, err = waiter.communicate(timeout=DEADLINE)
        self.assertEqual(waiter.returncode, 1)
        self.assertEqual(len(err.splitlines()), 1, err)
