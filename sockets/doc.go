// Package sockets takes over listening sockets that another process has opened:
// those of systemd's socket activation, or of a server that this one replaces. A
// socket that is never closed loses no query while its servers change.
package sockets
