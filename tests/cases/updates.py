"""Updates in place while traffic flows at rate: each copy is one that the
former or the new policy wants as a whole, and what both admit is copied once,
every packet of the run."""

import collections

from cases.product import ProductCases
from lab.lanes import Lanes, Policy

BOTH, FORMER, LATTER, NEVER = 5000, 5001, 5002, 5003
FLIPS = 6


def lanes_of(*ports):
    return tuple(f"{port}-{way}" for port in ports for way in ("out", "in"))


ALL = lanes_of(BOTH, FORMER, LATTER, NEVER)


class UpdateCases(ProductCases):
    guests = {"web1": (), "db1": ()}
    links = [("web1", "db1")]
    collectors = {"ids4": 4, "ids6": 6}

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        # The collectors' neighbours are known from here on.
        ready = cls("setUp")  # An instance wants the name of some method.
        for name, box in (("ready4", cls.ids4), ("ready6", cls.ids6)):
            ready.tunnel(name, box, 1)
            cls.lab.wait_copied(cls.lab.talk("web1", "db1"), box, 1)
        ready.tearDown()

    def traffic(self):
        talks = {}
        for port in (BOTH, FORMER, LATTER, NEVER):
            talk = self.lab.talk("web1", "db1", dport=port)
            talks[f"{port}-out"], talks[f"{port}-in"] = talk, talk.back()
        return Lanes(self.lab, talks, interval=0.0005)

    def put_filter(self, name, *ports):
        def rule(key, port):
            return {"action": "accept", "protocol": "udp", key: port}
        self.filter(name,
                    inbound=[rule("source_port", p) for p in ports],
                    outbound=[rule("destination_port", p) for p in ports])

    def put(self, policy, **more):
        """Makes tunnel "first" what the policy says, and waits for it."""
        self.control.apply({"mirror_tunnels": [{
            "name": "first", "account": "default", "source": "web1-src",
            "destination": policy.collector.name, "vni": policy.vni,
            "packet_length": policy.length, **more}]}, "--wait=hv")

    def policy(self, *ports, box=None, vni=7001, length=100):
        return Policy(box or self.ids4, vni, lanes_of(*ports), length)

    def flip(self, former, latter, to_former, to_latter):
        """Changes the policy to and fro under traffic, and judges it."""
        to_former()
        self.daemon.wait_settled()
        with self.traffic() as lanes:
            began = lanes.tick
            for number in range(FLIPS):
                lanes.wait_ticks(60)
                (to_former if number % 2 else to_latter)()
            lanes.wait_ticks(60)
            ended = lanes.tick
        lanes.end()
        self.lab.settle()
        lanes.look()
        self.judge(lanes, former, latter, began, ended)
        return lanes

    def judge(self, lanes, former, latter, began, ended):
        wrong, times = [], collections.Counter()
        by = {former: 0, latter: 0}
        for collector, copy, lane, tick in lanes.copies():
            times[lane, tick] += 1
            wanted = [p for p in (former, latter) if lane
                      and p.collector is collector and p.vni == copy.vni
                      and lane in p.lanes and not copy.faults
                      and copy.inner == lanes.frame(lane, tick)[:p.length]]
            for policy in wanted:
                by[policy] += 1
            if not wanted:
                wrong.append(f"{collector.name}, VNI {copy.vni}, {lane} "
                             f"{tick}, {len(copy.inner)} bytes")
        self.assertEqual(wrong[:5], [], f"{len(wrong)} in all")
        missed, twice, judged = [], [], 0
        for lane in set(former.lanes) & set(latter.lanes):
            for tick in lanes.arrived(lane):
                if not began <= tick < ended:
                    continue
                judged += 1
                if not times[lane, tick]:
                    missed.append((lane, tick))
                elif times[lane, tick] > 1:
                    twice.append((lane, tick))
        self.assertEqual(missed[:5], [], f"{len(missed)} of {judged} missed")
        self.assertEqual(twice[:5], [], f"{len(twice)} of {judged} twice")
        self.assertGreater(min(by.values()), 100, "both were in force")
        seconds = lanes.times[ended - 1] - lanes.times[began]
        print(f"     {len(lanes.copies())} copies judged, {judged} frames "
              f"that both admit, {len(ALL) * (ended - began) / seconds:.0f} "
              "frames a second", flush=True)

    def test_a_filter_is_edited(self):
        self.put_filter("web", BOTH, FORMER)
        former = self.policy(BOTH, FORMER)
        self.put(former, filter="web")
        self.flip(former, self.policy(BOTH, LATTER),
                  lambda: self.put_filter("web", BOTH, FORMER),
                  lambda: self.put_filter("web", BOTH, LATTER))

    def test_a_filter_is_swapped_for_another(self):
        self.put_filter("web", BOTH, FORMER)
        self.put_filter("other", BOTH, LATTER)
        former, latter = (self.policy(BOTH, FORMER),
                          self.policy(BOTH, LATTER))
        self.flip(former, latter, lambda: self.put(former, filter="web"),
                  lambda: self.put(latter, filter="other"))

    def test_a_filter_is_swapped_for_one_that_is_in_use(self):
        self.put_filter("web", BOTH, FORMER)
        self.put_filter("other", BOTH, LATTER)
        for name in ("web", "other"):
            self.tunnel(f"keeps-{name}", self.ids6, 1, source="db1",
                        filter=name, mode="count")
        former, latter = (self.policy(BOTH, FORMER),
                          self.policy(BOTH, LATTER))
        self.flip(former, latter, lambda: self.put(former, filter="web"),
                  lambda: self.put(latter, filter="other"))

    def test_a_filter_is_taken_off_and_put_back(self):
        self.put_filter("web", BOTH, FORMER)
        former = self.policy(BOTH, FORMER)
        latter = self.policy(BOTH, FORMER, LATTER, NEVER)
        self.flip(former, latter, lambda: self.put(former, filter="web"),
                  lambda: self.put(latter))

    def change(self, former, latter):
        """Of the same filter."""
        self.put_filter("web", BOTH, FORMER)
        self.flip(former, latter, lambda: self.put(former, filter="web"),
                  lambda: self.put(latter, filter="web"))

    def test_the_vni_changes(self):
        self.change(self.policy(BOTH, FORMER),
                    self.policy(BOTH, FORMER, vni=7002))

    def test_the_length_changes(self):
        self.change(self.policy(BOTH, FORMER),
                    self.policy(BOTH, FORMER, length=150))

    def test_the_destination_changes(self):
        self.change(self.policy(BOTH, FORMER),
                    self.policy(BOTH, FORMER, box=self.ids6))

    def test_everything_changes_in_one_edit(self):
        """Also no copy by the former's filter to the new destination."""
        self.put_filter("web", BOTH, FORMER)
        self.put_filter("other", BOTH, LATTER)
        former = self.policy(BOTH, FORMER)
        latter = self.policy(BOTH, LATTER, box=self.ids6, vni=7002,
                             length=150)
        self.flip(former, latter, lambda: self.put(former, filter="web"),
                  lambda: self.put(latter, filter="other"))

    def test_destination_and_the_filters_rules_change_in_one_edit(self):
        former = self.policy(BOTH, FORMER)
        latter = self.policy(BOTH, LATTER, box=self.ids6)

        def put(policy, port):
            def rules(key):
                return [{"number": 100 + p, "action": "accept",
                         "protocol": "udp", key: p} for p in (BOTH, port)]
            self.control.apply({
                "mirror_filters": [{
                    "name": "web", "account": "default",
                    "inbound": rules("source_port"),
                    "outbound": rules("destination_port")}],
                "mirror_tunnels": [{
                    "name": "first", "account": "default",
                    "source": "web1-src", "filter": "web",
                    "destination": policy.collector.name,
                    "vni": policy.vni, "packet_length": policy.length}]},
                "--wait=hv")
        self.flip(former, latter, lambda: put(former, FORMER),
                  lambda: put(latter, LATTER))

    def test_a_tunnel_is_disabled_and_enabled(self):
        """Nothing is copied once it is reported to be disabled."""
        self.put_filter("web", BOTH, FORMER)
        policy = self.policy(BOTH, FORMER)
        self.put(policy, filter="web")
        self.daemon.wait_settled()
        silent, whole = [], []
        with self.traffic() as lanes:
            for _ in range(FLIPS // 2):
                start = lanes.wait_whole(policy, 20)
                whole.append((start, lanes.wait_ticks(60) - 1))
                self.put(policy, filter="web", enabled=False)
                self.control.wait_tunnel(
                    "first", lambda t: t["observed_generation"]
                    == t["generation"], "to be disabled")
                start = lanes.tick
                silent.append((start + 1, lanes.wait_ticks(60) - 1))
                self.put(policy, filter="web", enabled=True)
        lanes.end()
        self.lab.settle()
        self.assertEqual(lanes.wrong_copies(policy)[:5], [])
        ticks = {lane: set(lanes.copied(policy, lane))
                 for lane in policy.lanes}
        for lane in policy.lanes:
            arrived = set(lanes.arrived(lane))
            for first, last in silent:
                self.assertEqual(
                    sorted(ticks[lane] & set(range(first, last))), [])
            for first, last in whole:
                self.assertEqual(sorted(arrived & set(range(first, last))
                                        - ticks[lane]), [])
