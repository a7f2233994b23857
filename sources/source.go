// Package sources holds the contract between what knows of instances and the
// zone that answers for them, and the Supervisor that keeps sources running.
package sources

import (
	"context"

	"github.com/rollcall-dns/rollcall/zone"
)

// A Source reports the instances of one origin. Run reports until ctx is done,
// and then returns nil or the context's cause. One that ends before has failed,
// and returns an error that says why; the supervisor calls Run again. Each Run
//   - first sends the complete set, then changes, in order;
//   - never ends a set that it could not read in full: a broken listing can
//     add, but not remove;
//   - after a Send that has failed sends the same again, or returns an error: it
//     never goes on as if it had been taken;
//   - sends from one goroutine, and leaves none behind when it returns.
//
// What was published stays published while a source is failing.
type Source interface {
	// Name is the source's own: short, lower case, the same for ever, unique
	// among the sources of a program. It is the first half of each zone.Key.
	Name() string
	Run(ctx context.Context, sink Sink) error
}

// A Sink takes what a source reports. A source never has two Sends under way.
// When Send has returned nil, the next DNS query sees the change, unless more follows;
// objects that were refused are named in the result, and do not make it an error. An
// error means that the change was not applied, usually because ctx is done. The lists in
// a change are the source's again then: a sink keeps no more than what they list.
type Sink interface {
	Send(ctx context.Context, c zone.Change) (zone.Result, error)
}
