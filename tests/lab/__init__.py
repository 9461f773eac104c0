"""A laboratory: real Open vSwitch, guests and collectors on one machine.

RealLab (root) builds hypervisors, guests and collectors as network
namespaces round the distribution's own ovs-vswitchd with its userspace
datapath.  DummyLab needs no root: the same objects on OVS's dummy datapath.
Both offer the same methods, so that one test runs in both.

Everything a lab starts it ends by process id, and everything it makes it
removes, on every way out of the program that Python can see.
"""

from lab.base import BUILD_DIR, Lab, LabError, SOURCE_DIR
from lab.dummy import DummyLab
from lab.real import RealLab
from lab.waiting import wait_until

__all__ = ["BUILD_DIR", "DummyLab", "Lab", "LabError", "RealLab",
           "SOURCE_DIR", "wait_until"]
