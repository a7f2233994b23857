// Package upstream asks one question of one name server.
//
// Over UDP each query leaves from a socket, a port, an identity and a spelling of its
// own, all of them drawn by crypto/rand, and nothing but the reply to exactly that is
// taken (RFC 5452 §9). At the first sign that somebody guesses, or that the datagram
// was not enough, the question is asked again over TCP. TCP and TLS connections are
// kept, shared and bounded.
//
// What comes back is cut down to what was asked (RFC 5452 §6): the answer's chain, the
// authority above it, addresses that belong to it. EDNS ends here, in both directions
// (RFC 6891 §6.2.1).
//
// It does not choose between servers, ask twice what was not answered, or keep answers.
package upstream
