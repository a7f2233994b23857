// Package program starts a program that knows nothing of rollcall and keeps it
// registered. It is what stands behind "rollcall run": it does no checking for other
// hosts and starts nothing twice, which is for those who supervise it.
package program
