# Prints the addresses and ports of each service that it reads, and an empty line behind.
import sys

import dns.exception
import dns.resolver


def find(service):
    for srv in dns.resolver.resolve(service, "SRV"):
        for a in dns.resolver.resolve(srv.target, "A", raise_on_no_answer=False):
            print(f"{a.address}:{srv.port}")
        for a in dns.resolver.resolve(srv.target, "AAAA", raise_on_no_answer=False):
            print(f"[{a.address}]:{srv.port}")


for service in sys.stdin:
    try:
        find(service.strip())
    except (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer):
        pass
    except dns.exception.DNSException as e:
        print("!", e)
    print(flush=True)
