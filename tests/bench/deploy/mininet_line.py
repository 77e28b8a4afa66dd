#!/usr/bin/python3
"""A line of N Mininet hosts, joined host to host: prints the seconds that bringing it up and taking it down took."""

import json
import sys
import time

from mininet.net import Mininet


def main() -> None:
    nodes = int(sys.argv[1])
    start = time.perf_counter()
    net = Mininet(controller=None, autoSetMacs=True)
    hosts = [net.addHost(f"h{number}", ip=None) for number in range(1, nodes + 1)]
    for number, (left, right) in enumerate(zip(hosts, hosts[1:]), start=1):
        high, low = divmod(number, 256)
        net.addLink(
            left,
            right,
            intfName1=f"h{number}-down",
            intfName2=f"h{number + 1}-up",
            params1={"ip": f"10.{high}.{low}.1/24"},
            params2={"ip": f"10.{high}.{low}.2/24"},
        )
    net.start()
    up = time.perf_counter() - start
    first = hosts[0].cmd("ping -c1 -W2 10.0.1.2")
    if "1 received" not in first:
        sys.exit(f"the first hop of Mininet's line does not answer: {first}")
    start = time.perf_counter()
    net.stop()
    print(json.dumps({"up": up, "down": time.perf_counter() - start}))


main()
