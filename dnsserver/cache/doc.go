// Package cache answers questions about foreign names from memory.
//
// It keeps whole answers, as they came, each for no longer than its records may live
// (RFC 2181 §8, RFC 2308 §5), in shards that are bounded in octets and in entries, the
// least recently asked giving way. Names of our own zones do not come here: they are
// answered from the zone itself.
//
// It raises no TTL, remembers no failure (RFC 9520: whoever asks upstream does), takes
// no answer apart to answer another question with it (RFC 5452 §6), and keeps nothing
// that is part of one hop: no OPT record, no AA.
package cache
