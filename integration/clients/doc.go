// Package clients tests the program that is shipped with the programs that people
// ask it with: resolvers of C libraries and languages, query tools, load balancers,
// monitoring and forwarders, as Debian has them, configured as docs/clients.md shows.
//
// These programs are many and large, so the tests have the build tag conformance,
// and `make conformance-clients` installs what they need. They run on a machine of
// their own, namespaces in which rollcall is the one DNS server.
package clients
