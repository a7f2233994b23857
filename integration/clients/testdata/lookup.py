# Prints the addresses of each host that it reads, and an empty line behind.
import socket
import sys

for host in sys.stdin:
    try:
        for found in socket.getaddrinfo(host.strip(), None, type=socket.SOCK_STREAM):
            print(found[4][0])
    except socket.gaierror as e:
        if e.errno not in (socket.EAI_NONAME, socket.EAI_NODATA):
            print("!", e)
    print(flush=True)
