// Package zone turns instances into DNS records and publishes them as immutable
// snapshots.
//
// One Zone takes changes from many sources through Apply; any number of readers
// take a Snapshot with one atomic load and ask it questions without locks.
//
// The package is pure: it has no DNS library, logger, clock, network or
// context. Whoever asks supplies the time, the seed of the rotation and the
// asker's address.
package zone
