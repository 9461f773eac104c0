"""Truncation: that it is paid only where it is asked for or the path needs
it, and which form of it is the cheapest.

The forms are put by hand in the place of the tunnel's own flow, in the
product's pipeline, while the daemon is stopped and cannot put them right."""

import contextlib
import random
import re
import signal

from bench.datapath.ground import (BARE_KEY, COLLECTOR, WrongCopies,
                                   frames_of, nic)
from lab.waiting import wait_until

LENGTH = 128
MIXED = "mixed: 7 of 64, 4 of 570, 1 of 1500 bytes"
PRODUCT = "cut by the output itself (the product's)"
FORMS = {
    "not cut": "clone({to}output:{port})",
    PRODUCT: "clone({to}output(port={port},max_len={length}))",
    "cut, guarded in the clone by check_pkt_larger":
        "clone({to}check_pkt_larger({length})->NXM_NX_REG6[0],"
        "resubmit(,9))",
    "cut, guarded outside by check_pkt_larger":
        "check_pkt_larger({length})->NXM_NX_REG6[0],resubmit(,10)",
    "cut by an output that is refused, ahead":
        "clone(set_field:255.255.255.255->tun_src,"
        "output(port={port},max_len={length}),{to}output:{port})"}
TABLES = [
    "table=9,priority=1,reg6=1,actions=output(port={port},max_len={length})",
    "table=9,priority=0,actions=output:{port}",
    "table=10,priority=1,reg6=1,actions="
    "clone({to}output(port={port},max_len={length}))",
    "table=10,priority=0,actions=clone({to}output:{port})"]


def kinds():
    """Traffic of 1,000 connections, by name."""
    by_name = {f"{size} bytes": frames_of(nic(1), size, 1000)
               for size in (64, 256, 1500)}
    sizes = [64] * 7 + [570] * 4 + [1500]
    random.Random(1).shuffle(sizes)
    by_name[MIXED] = [frames_of(nic(1), sizes[i % len(sizes)], 1, 5000 + i)[0]
                      for i in range(1200)]
    return by_name


def figure_of(kind):
    return f"cut to {LENGTH}, {kind}"


def declare(rounds):
    for kind in kinds():
        rounds.figure(figure_of(kind), "cycles a frame", "not cut")


def run(ground):
    rounds = ground.rounds
    with rounds.attempt("where it is cut"):
        check_where(ground)
    for kind, frames in kinds().items():
        with ground.traffic(frames=frames):
            ground.mirror(PRODUCT, packet_length=LENGTH)
            with by_hand(ground) as put:
                for form in rounds.turns(FORMS):
                    with rounds.attempt(f"{rounds.turn()}, "
                                        f"{figure_of(kind)}, {form}"):
                        put(form)
                        cycles = ground.cycles(1)
                        check_cut(ground, form)
                        rounds.note(figure_of(kind), form, cycles)


def check_cut(ground, form):
    """That the datapath does what the form says."""
    flows = "".join(ground.switch.datapath_flows())
    if (f"trunc({LENGTH})" in flows) != (form != "not cut"):
        raise WrongCopies(f"{form}: {flows}")


@contextlib.contextmanager
def by_hand(ground):
    """Gives a function that puts a form into the tunnel's flow."""
    switch = ground.switch
    words = {"port": switch.ofport("mirror-vxlan"), "length": LENGTH,
             "to": f"set_field:{switch.ip}->tun_src,"
                   f"set_field:{COLLECTOR.address}->tun_dst,"
                   f"set_field:{BARE_KEY + 1:#x}->tun_id,"}
    if FORMS[PRODUCT].format(**words) not in "".join(
            switch.flows("br-mirror")):
        raise WrongCopies("the product has another form by now")
    ground.daemon.signal(signal.SIGSTOP)
    try:
        for flow in TABLES:
            switch.ofctl("add-flow", "br-mirror", flow.format(**words))

        def put(form):
            actions = FORMS[form].format(**words)
            switch.ofctl("mod-flows", "br-mirror",
                         f"table=2,priority=100,actions={actions}")
            ground.rounds.command(
                form, "ovs-ofctl mod-flows br-mirror table=2,priority=100,"
                f"actions={actions}")
        yield put
    finally:
        ground.daemon.signal(signal.SIGCONT)
        # It puts its own flows back.
        wait_until(lambda: "table=9" not in "".join(
            switch.flows("br-mirror")), "flows made by hand to be gone", 30)


def check_where(ground):
    """Cut is what has a length; without one only what may be too long for
    the path."""
    rounds = ground.rounds
    with ground.traffic(256, 1):
        for length in (LENGTH, 1522, None):
            ground.mirror("where it is cut", **(
                {"packet_length": length} if length else {}))
            flows = "".join(ground.switch.flows("br-mirror"))
            found = set(re.findall(r"max_len=(\d+)", flows))
            if found != ({str(length)} if length else set()):
                raise WrongCopies(f"length {length} is cut to {found}")
    rounds.remark("a length that is asked for cuts, whatever the NIC's MTU is "
                  "today; without one a NIC of MTU 1500 is sent without "
                  "truncation")
