// Package handover passes the work of one server to the next one on the same
// machine without a gap: its sockets, which are never closed, what it knows, and the
// right to write to its data directory.
//
// The old process listens on a Unix socket. The new one connects and is given the
// sockets and the state, while the old one goes on answering. When the new one is
// prepared it asks for the rest: the old one stops taking registrations, closes its
// log, and sends what has changed last. When the new one answers, the old one ends.
//
// What the state is, is known to the program alone: here it is a series of frames.
package handover
