// Package differential compares the answers of rollcall with those of three other
// authoritative name servers, knotd, nsd and named, that have loaded the zones which
// rollcall exports. Every difference has to be explained by a rule of rules_test.go,
// and every rule has to explain a difference; docs/differential.md is the table.
//
// The tests have the build tag conformance: `make conformance-differential` installs
// the servers and runs them.
package differential
