// Package install sets up a host so that it and its containers ask rollcall: a drop-in
// file for systemd-resolved or dnsmasq, or else /etc/resolv.conf; and daemon.json of the
// Docker engine.
//
// What is to be done is a [Plan], which shows itself as a difference before anything is
// written. Each file is replaced by a rename, and what was there is recorded before the
// first one, so that a process that is killed at any point leaves files that are whole,
// and a record from which everything can be undone. It restarts nothing, and starts
// nothing.
package install
