// Package health probes instances that ask for it, of every source, and tells the
// zone which of them can serve.
//
// A Gate is a sink around a sink: changes pass through it at once, and it learns
// from them what there is to probe. What it finds follows as verdicts, which the
// zone sets against what the source says; so a check can take an instance out of
// the answers, and never put one in that its source does not call up.
//
// It probes an instance at the instance's own addresses and ports, resolves no
// name and follows no redirect. It does not remove what fails: it goes on asking.
package health
