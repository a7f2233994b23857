// Package forward asks other name servers for names that are not ours.
//
// For each name it finds the servers to ask: those of the route with the longest domain
// at or above it, else the upstreams, which may come from a file in the form of
// resolv.conf(5) that is followed as it changes. Names that mean something only here
// leave by a route alone that names them.
//
// Of several servers the fastest is asked first, the next when it has failed or kept us
// waiting, so that one that is dead costs little and none is trusted for ever. Equal
// questions are asked once. Whoever leads back to us is found by a probe, and left out.
//
// It keeps no answers but failures, for a moment (RFC 9520), and does not filter them:
// a private address in the answer for a public name is passed on.
package forward
