"""A mirror built by hand, the way an operator would without us.

It proves the lab without the daemon, and shows that the lab's tests can fail:
built wrongly, it must be seen to do harm.
"""

from lab.vxlan import COPY_TOS

IN_PORT, OUT_PORT, VXLAN_PORT = 1, 2, 10


class HandmadeMirror:
    """Mirror rows, patch ports and a VXLAN port; flows come by set_flows()."""

    def __init__(self, lab, guest, trunks=True):
        self.switch, self.guest = lab.switch, guest
        pairs = []
        for direction, port in (("in", IN_PORT), ("out", OUT_PORT)):
            near, far = f"hm-{direction}", f"hmp-{direction}"
            pairs += _patch("br-int", near, far)
            pairs += _patch("br-mirror", far, near, f"ofport_request={port}")
            if trunks:
                pairs += ["--", "set", "Port", near, "trunks=4095"]
        self.switch.vsctl(
            "add-br", "br-mirror", "--", "set", "Bridge", "br-mirror",
            f"datapath_type={self.switch.datapath_type}", "fail_mode=secure",
            *pairs, "--", "add-port", "br-mirror", "hm-vxlan", "--", "set",
            "Interface", "hm-vxlan", "type=vxlan",
            f"ofport_request={VXLAN_PORT}", "options:remote_ip=flow",
            "options:local_ip=flow", "options:in_key=16777216",
            "options:out_key=flow", f"options:tos={COPY_TOS}")
        self.add_rows()

    def add_rows(self):
        for direction, column in (("in", "select_dst_port"),
                                  ("out", "select_src_port")):
            self.switch.vsctl(
                "--", "--id=@nic", "get", "Port", self.guest.name, "--",
                "--id=@to", "get", "Port", f"hm-{direction}", "--",
                "--id=@m", "create", "Mirror", f"name=hm-{direction}",
                f"{column}=@nic", "output_port=@to", "--", "add", "Bridge",
                "br-int", "mirrors", "@m")

    def remove_rows(self):
        self.switch.vsctl("clear", "Bridge", "br-int", "mirrors")

    def set_flows(self, *actions):
        self.switch.ofctl("del-flows", "br-mirror")
        # In two tables, as a pipeline with filters has it.
        self.switch.ofctl("add-flow", "br-mirror",
                          "table=0,actions=resubmit(,1)")
        self.switch.ofctl("add-flow", "br-mirror",
                          "table=1,actions=" + ",".join(actions))

    def copy_to(self, collector, vni, length=65535, clone=True):
        """Actions that send a copy.  Over IPv4 the outer source is left to
        the route: the dummy datapath has no local addresses to name."""
        family = "tun_ipv6" if collector.version == 6 else "tun"
        actions = (f"set_field:{collector.address}->{family}_dst,"
                   f"set_field:{vni}->tun_id,"
                   f"output(port={VXLAN_PORT},max_len={length})")
        if collector.version == 6:
            actions = (f"set_field:{self.switch.ip6}->tun_ipv6_src,"
                       + actions)
        return f"clone({actions})" if clone else actions


def _patch(bridge, name, peer, *settings):
    return ["--", "add-port", bridge, name, "--", "set", "Interface", name,
            "type=patch", f"options:peer={peer}", *settings]
