"""The demonstration itself; started by utilities/demo."""

import json
import os
import struct
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path.insert(0, os.path.join(os.path.dirname(HERE), "tests"))

from lab import DummyLab, RealLab, pcap, wait_until  # noqa: E402
from lab.frames import ethernet, icmp, ip_packet, tcp  # noqa: E402
from lab.process import CommandFailed, run  # noqa: E402

LENGTH, VNI = 128, 7001
GET = b"GET / HTTP/1.1\r\nHost: web1\r\n\r\n"
ANSWER = (b"HTTP/1.1 200 OK\r\nContent-Length: 600\r\n\r\n" + b"x" * 600)


def say(text):
    print(f"demo: {text}", flush=True)


def document(web, collector):
    """What the customer defines, in the form that "apply" takes."""
    return {
        "network_interfaces": [{"name": "web1-eth0", "server": "web1",
                                "iface_id": web.iface_id, "mac": web.mac,
                                "addresses": [web.ip]}],
        "collectors": [{"name": "tcpdump1", "address": collector.address}],
        "mirror_resources": [
            {"name": "web1-src", "account": "acme", "purpose": "source",
             "type": "network-interface", "target": "web1-eth0"},
            {"name": "ids", "account": "acme", "purpose": "destination",
             "type": "collector", "target": "tcpdump1"}],
        "mirror_filters": [{
            "name": "web", "account": "acme",
            "inbound": [{"number": 100, "action": "accept",
                         "protocol": "tcp", "destination_port": "80-443"},
                        {"number": 200, "action": "accept",
                         "protocol": "icmp", "icmp_type": 8}],
            "outbound": [{"number": 100, "action": "accept",
                          "protocol": "tcp", "source_port": 80}]}],
        "mirror_tunnels": [{"name": "web1-ids", "account": "acme",
                            "source": "web1-src", "destination": "ids",
                            "filter": "web", "vni": VNI,
                            "packet_length": LENGTH}]}


def real_traffic(lab, web, client):
    """A web page, three pings, and what the filter leaves out."""
    get = ("import urllib.request as r; "
           f"print(len(r.urlopen('http://{web.ip}/', timeout=2).read()))")
    wait_until(lambda: client.namespace.run(["python3", "-c", get],
                                            check=False).returncode == 0,
               "the client to get a page from web1", 20)
    client.namespace.run(["ping", "-c", "3", "-i", "0.2", web.ip])


def frames(a, b, ident, protocol, body):
    return ethernet(a.mac, b.mac, 0x0800, ip_packet(
        a.ip, b.ip, protocol, body, ident=ident))


def dummy_traffic(lab, web, client):
    """The same by hand: the dummy datapath has no guests that think."""
    ask = frames(client, web, 1, 6, tcp(client.ip, web.ip, 40000, 80, GET))
    answer = frames(web, client, 2, 6, tcp(web.ip, client.ip, 80, 40000,
                                           ANSWER, seq=1))
    client.send(ask)
    web.send(answer)
    for n in range(3):
        data = struct.pack(">Q", n) * 7
        client.send(frames(client, web, 10 + n, 1, icmp(data, sequence=n)))
        web.send(frames(web, client, 20 + n, 1, icmp(data, 0, sequence=n)))


def checked_copies(collector):
    """The copies, once they are all there and as they must be."""
    def complete():
        copies = collector.copies()
        pings = sum(c.inner[23] == 1 for c in copies)
        return pings >= 3 and len(copies) >= 5 and copies
    copies = wait_until(complete, lambda: "the copies at the collector; it "
                        f"has {len(collector.copies())}", 20)
    for copy in copies:
        if copy.faults or copy.vni != VNI or len(copy.inner) > LENGTH:
            raise RuntimeError("a copy is not as it should be: "
                               f"{copy.faults or copy}")
        if copy.inner[23] == 1 and copy.inner[34] != 8:
            raise RuntimeError("an echo reply passed the filter")
    return copies


def start_tcpdump(lab, collector):
    """tcpdump on the collector; on the dummy datapath the uplink's own file
    takes its place."""
    path = os.path.join(lab.top, "collector.pcap")
    if not isinstance(lab, RealLab):
        return path
    tcpdump = lab.process(
        ["tcpdump", "-Z", "root", "-i", "eth0", "--immediate-mode", "-U",
         "-w", path, "udp", "port", "4789"], f"{lab.top}/tcpdump.log",
        namespace=collector.namespace)
    wait_until(lambda: "listening on" in tcpdump.last_words(),
               lambda: "tcpdump to listen: " + tcpdump.last_words())
    return path


def show(lab, collector, path, count):
    if not isinstance(lab, RealLab):
        pcap.write(path, collector.wire())
    wait_until(lambda: len(pcap.read(path)) >= count,
               "tcpdump to have seen what arrived")
    lab.control.wait_tunnel(
        "web1-ids", lambda t: sum(n or 0 for n in
                                  t["mirrored_packets"].values()) >= count,
        f"to report its {count} copies")
    say("what the collector's tcpdump decoded:")
    text = run(["tcpdump", "-nn", "-t", "-r", path, "udp port 4789"]).stdout
    print("\n".join("    " + line for line in text.splitlines()[:40]))
    say("ovs-mirrorctl tunnel-list:")
    print("\n".join("    " + line for line in
                    lab.control.ctl("tunnel-list").rstrip().splitlines()))


def tell_how_to_talk(lab):
    environment, stop = lab.leave_running()
    print(f"""demo: left running in {lab.top}; to talk to it:
    . {environment}
    ovs-mirrorctl tunnel-show acme/web1-ids
    ovs-appctl -t ovs-mirrord mirror/flows
    ovs-vsctl show
to stop it and remove everything:
    {stop}""")


def main():
    keep = "--keep" in sys.argv[1:]
    kind = RealLab if os.geteuid() == 0 else DummyLab
    with kind(keep=keep) as lab:
        say("starting Open vSwitch, the control database, ovs-mirrord, two "
            "VMs and a collector " + (
                "in network namespaces" if kind is RealLab
                else "on the dummy datapath (not root)"))
        web = lab.add_guest("web1", stack=True)
        client = lab.add_guest("client1", stack=True)
        # The dummy datapath has no local IPv4 route for copies to leave by.
        collector = lab.add_collector("collector1",
                                      4 if kind is RealLab else 6)
        # Counters are reported each second, to be seen at the end.
        lab.switch.vsctl("set", "Open_vSwitch", ".",
                         "external_ids:mirror-stats-interval=1")
        lab.start_product()
        if kind is RealLab:
            lab.process(["python3", "-m", "http.server", "80", "--directory",
                         lab.directory("www")], f"{lab.top}/http.log",
                        namespace=web.namespace)
        lab.wait_link("client1", "web1")
        lab.wait_link("web1", "client1")

        say(f"mirroring web1: HTTP both ways and pings to it, {LENGTH} bytes "
            f"of each packet, VNI {VNI}")
        wish = os.path.join(lab.top, "document.json")
        with open(wish, "w", encoding="ascii") as f:
            json.dump(document(web, collector), f, indent=1)
        lab.control.ctl("--wait=hv", "apply", wish)
        lab.control.wait_running("web1-ids")
        lab.wait_copied(lab.talk("client1", "web1", "icmp"), collector)
        lab.clear()
        path = start_tcpdump(lab, collector)
        (real_traffic if kind is RealLab else dummy_traffic)(lab, web, client)
        copies = checked_copies(collector)
        show(lab, collector, path, len(copies))
        if keep:
            tell_how_to_talk(lab)
    if not keep:
        say("done; everything is removed again")


if __name__ == "__main__":
    try:
        main()
    except (OSError, RuntimeError, TimeoutError, CommandFailed) as e:
        print(f"demo: failed: {' '.join(str(e).split())}", file=sys.stderr)
        sys.exit(1)
