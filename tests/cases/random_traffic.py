"""Random filters and real packets: what arrives is what the reference says."""

import os
import random

from cases.product import ProductCases
from lab.frames import mac_bytes
from lab.random_filter import random_filter, random_frame, random_packet
from lab.reference_filter import Filter

FILTERS, PACKETS = 6, 150


class RandomTrafficCases(ProductCases):
    guests = {"web1": (), "db1": ()}
    links = [("web1", "db1")]
    collectors = {"ids4": 4}

    def frame(self, dice, a, b, packet):
        """'packet' as a frame from one guest to another."""
        frame = mac_bytes(b.mac) + mac_bytes(a.mac) + \
            random_frame(dice, packet)[12:]
        return frame.ljust(60, b"\0")

    def test_what_arrives_is_what_the_reference_admits(self):
        seed = int(os.environ.get("OVS_MIRROR_SEED", "11"))
        dice = random.Random(seed)
        # The switch learns where the collector is by way of this one.
        self.tunnel("warm-up", self.ids4, 1)
        self.lab.wait_copied(self.lab.talk("web1", "db1"), self.ids4, 1)
        self.remove("warm-up")
        sent = arrived = 0
        for n in range(FILTERS):
            document = random_filter(dice, "random")
            self.control.apply({"mirror_filters": [
                dict(document, account="default")]})
            reference = Filter(document)
            self.tunnel("random-tunnel", self.ids4, 7001, filter="random")
            frames, wanted = [], []
            for _ in range(PACKETS):
                direction = dice.choice(["inbound", "outbound"])
                a, b = ((self.web1, self.db1) if direction == "outbound"
                        else (self.db1, self.web1))
                packet = random_packet(dice, document[direction])
                frame = self.frame(dice, a, b, packet)
                frames.append((a, frame))
                if reference.decide(direction, packet)[1]:
                    wanted.append(frame)
            self.lab.clear()
            for guest, frame in frames:
                guest.send(frame)
            self.lab.settle()
            self.assert_sound(self.ids4)
            got = [copy.inner for copy in self.ids4.copies()
                   if copy.vni == 7001]
            self.assertEqual(sorted(f.hex() for f in got),
                             sorted(f.hex() for f in wanted), n)
            sent += len(frames)
            arrived += len(got)
            self.remove("random-tunnel")
        print(f"    seed {seed}: {FILTERS} filters, {sent} frames, {arrived} "
              "copies, none missing and none too many")
        self.assertGreater(arrived, sent // 20)
