"""The fault schedules of "always right", with copies that travel the
tenant's network: one tunnel to a NIC, one to a load balancer."""

from cases.constant import ConstantCases
from cases.outage import OutageCases
from cases.restart import RestartCases
from cases.vpc import TenantCases
from lab.tenant import Places, Router, add_vm


class VpcConstantCases(ConstantCases):
    """As ConstantCases: web1, db1 and the twins are in a subnet of VPC a;
    "ids4" is a VM of VPC b, "ids6" are three members in the transit VPC."""

    guests = {name: ("tag=101",) for name in ("web1", "db1", "twin1",
                                              "twin2")}
    collectors = {}

    @classmethod
    def prepare_switch(cls):
        lab = cls.lab
        cls.router = Router(lab, "rt", {
            "leg-a": (101, ["10.1.0.1/24"]), "leg-b": (102, ["10.2.0.1/24"]),
            "leg-t": (103, ["10.9.0.1/24"])})
        for n, guest in enumerate(lab.guests.values()):
            guest.ip = f"10.1.0.{5 + n}"
        receiver = add_vm(lab, "recv", 102, "10.2.0.9/24", "10.2.0.1")
        members = [add_vm(lab, f"member{n}", 103, f"10.9.0.{10 + n}/24",
                          "10.9.0.1") for n in range(3)]
        cls.receivers = [("recv", receiver, "sn-b")] + [
            (f"member{n}", m, "sn-t") for n, m in enumerate(members)]
        cls.ids4 = Places(lab, "ids4", receiver)
        cls.ids6 = Places(lab, "ids6", *members)

    @classmethod
    def inventory(cls):
        vpc, nic, resource = (TenantCases.vpc, TenantCases.nic,
                              TenantCases.resource)
        return {
            "vpcs": [vpc("vpc-a"), vpc("vpc-b"), vpc("vpc-t", "transit")],
            "peerings": [{"name": "a-to-b", "from": "vpc-a", "to": "vpc-b"}],
            "transit_connects": [{"name": "a-to-t", "vpc": "vpc-a",
                                  "transit_vpc": "vpc-t"}],
            "subnets": [
                {"name": "sn-a", "vpc": "vpc-a", "cidr": "10.1.0.0/24",
                 "gateway": "10.1.0.1",
                 "routes": [{"to": "10.2.0.0/24", "via": "a-to-b"},
                            {"to": "10.9.0.0/24", "via": "a-to-t"}]},
                {"name": "sn-b", "vpc": "vpc-b", "cidr": "10.2.0.0/24"},
                {"name": "sn-t", "vpc": "vpc-t", "cidr": "10.9.0.0/24"}],
            "network_interfaces":
                [nic(g, "sn-a") for g in cls.lab.guests.values()]
                + [nic(g, subnet) for _, g, subnet in cls.receivers],
            "load_balancers": [{
                "name": "lb", "vpc": "vpc-t", "subnet": "sn-t",
                "members": [g.ip for _, g, s in cls.receivers
                            if s == "sn-t"]}],
            "mirror_resources": [
                resource("web1-src", "source", "web1-eth0"),
                resource("ids4", "destination", "recv-eth0"),
                resource("ids6", "destination", "lb", "load-balancer")]}

    def underlay_up(self):
        """The delivery bridge is ours to bring up."""

    def tearDown(self):
        collectors, self.lab.collectors = self.lab.collectors, {}
        try:
            super().tearDown()
        finally:
            self.lab.collectors = collectors


class VpcRestartCases(VpcConstantCases, RestartCases):
    pass


class VpcOutageCases(VpcConstantCases, OutageCases):
    # These go through nothing that is another with delivery in VPCs.
    test_a_killed_control_database = None
    test_a_connection_cut_after_a_bundle_was_sent = None
    test_ovs_ctl_restores_the_flows_of_a_tunnel_that_is_gone = None
    test_a_cut_openflow_connection = None

    def assert_no_gap(self, lanes, *policies):
        """Without PMD threads vswitchd forwards nothing while its database
        is away, and then all that waited; of so many whole copies the queue
        between router and switch drops some."""
        super().assert_no_gap(lanes, self.first)
