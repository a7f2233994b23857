// Package conformance holds the shipped program to the RFCs, octet by octet: the rows
// of docs/conformance.md over UDP and TCP, IPv4 and IPv6, and whatever else a network
// may send to a server. It makes queries from octets, not with a DNS library, and
// reads replies with one only after it has checked their form itself.
package conformance
