// Package dnsserver answers DNS over UDP, TCP, TLS and HTTPS from the newest snapshot of a zone.
//
// A Server owns sockets and connections; a Handler answers one question and
// knows nothing of either. Between them stand two rules that hold for every
// transport: admission, which looks at the raw octets before anything is
// unpacked, and the reply, which decides what is echoed, which flags are set and
// what is left out when a message is too long.
//
// It is bounded by construction: a fixed number of goroutines for UDP, a fixed
// number of TCP connections, and no memory for a datagram that outlives its
// answer. It starts no goroutine for a query, unless the answer must be waited for;
// of these there is a fixed number too.
//
// It does not resolve from the root, validate DNSSEC, or know where the records
// of the zone come from.
package dnsserver
