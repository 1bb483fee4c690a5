"""Machines that can be cut off from each other: network namespaces, each with two cables, one for
the store and one for all else. They end with the processes in them, and nobody else sees them.

REQUIRES: this process has a network namespace of its own (enter_own_network), and is root.
"""

import os
import subprocess
import sys

from processes import Failed

STORE, SERVICE = "store", "service"
NETWORKS = {STORE: "10.77.0", SERVICE: "10.78.0"}
OURS = 254  # the last part of our own addresses
MARK = "SETTLE_OWN_NETWORK"


def enter_own_network():
    """Starts this program again where no network is shared, unless that was done."""
    if os.environ.get(MARK):
        return
    if os.geteuid() != 0:
        raise Failed("network splits need root")
    os.environ[MARK] = "1"
    os.execvp("unshare", ["unshare", "--net", sys.executable, *sys.argv])


def ip(*words):
    done = subprocess.run(["ip", *words], check=False, capture_output=True, text=True)
    if done.returncode != 0:
        raise Failed(f"ip {' '.join(words)}: {done.stderr.strip()}")


class Machines:
    """Numbered from 1."""

    host = f"{NETWORKS[SERVICE]}.{OURS}"  # where the others find us

    def __init__(self, workplace, count):
        self.count = count
        self.holders = []
        ip("link", "set", "lo", "up")
        for name, net in NETWORKS.items():
            # A run that was before in the same process may have left it.
            subprocess.run(["ip", "link", "del", name], check=False, capture_output=True)
            ip("link", "add", name, "type", "bridge")
            ip("addr", "add", f"{net}.{OURS}/24", "dev", name)
            ip("link", "set", name, "up")
        for number in range(1, count + 1):
            holder = workplace.server(f"machine-{number}", ("unshare", "--net", "sleep", "infinity"),
                                      lambda number=number: self._is_apart(number))
            self.holders.append(holder)
            holder.start()
            self._connect(number)

    def _is_apart(self, number):
        ours = os.readlink("/proc/self/ns/net")
        return os.readlink(f"/proc/{self.holders[number - 1].popen.pid}/ns/net") != ours

    def _connect(self, number):
        self._inside(number, "link", "set", "lo", "up")
        pid = str(self.holders[number - 1].popen.pid)
        for name, net in NETWORKS.items():
            near = f"{name}-{number}"
            ip("link", "add", near, "type", "veth", "peer", "name", "far")
            ip("link", "set", "far", "netns", pid)
            ip("link", "set", near, "master", name)
            ip("link", "set", near, "up")
            self._inside(number, "link", "set", "far", "name", name)
            self._inside(number, "addr", "add", f"{net}.{number}/24", "dev", name)
            self._inside(number, "link", "set", name, "up")

    def _inside(self, number, *words):
        done = subprocess.run([*self.prefix(number), "ip", *words], check=False,
                              capture_output=True, text=True)
        if done.returncode != 0:
            raise Failed(f"machine {number}: ip {' '.join(words)}: {done.stderr.strip()}")

    def prefix(self, number):
        """Of a command that is to run there."""
        return ("nsenter", "--net", "--target", str(self.holders[number - 1].popen.pid), "--")

    def store_host(self, number):
        return f"{NETWORKS[STORE]}.{number}"

    def service_host(self, number):
        return f"{NETWORKS[SERVICE]}.{number}"

    def cut(self, number):
        """What is on this machine and needs the store finds only what of it is there, too."""
        ip("link", "set", f"{STORE}-{number}", "down")

    def mend(self, number):
        ip("link", "set", f"{STORE}-{number}", "up")
