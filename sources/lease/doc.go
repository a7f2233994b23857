// Package lease keeps leases: promises of a client to be heard again before a
// time. Table grants, renews and ends them; Journal makes what was registered
// under them outlive the process.
//
// It knows nothing of services, never touches a zone, and starts no goroutine
// but those that compact a journal. Whoever owns a Table waits for Next and then
// calls Expire.
package lease
