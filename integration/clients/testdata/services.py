# Prints the addresses and ports of each service that it reads, and an empty line behind.
import sys

import dns.exception
import dns.resolver

nothing = (dns.resolver.NXDOMAIN, dns.resolver.NoAnswer)


def find(service):
    for srv in dns.resolver.resolve(service, "SRV"):
        for a in dns.resolver.resolve(srv.target, "A"):
            yield f"{a.address}:{srv.port}"


for service in sys.stdin:
    try:
        for found in find(service.strip()):
            print(found)
    except nothing:
        pass
    except dns.exception.DNSException as e:
        print("!", e)
    print(flush=True)
