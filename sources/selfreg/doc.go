// Package selfreg lets services register themselves over HTTP, each under a lease
// that it renews. It is a source of instances, and the handler of the interface
// that docs/http-api.md describes, which also lists what other sources know.
//
// It does not check whether a service works, and does not ask who registers it:
// whoever reaches the interface may.
package selfreg
