// Package docker reports the containers of one Docker engine as instances, its
// networks, and who is on them.
//
// It subscribes to the engine's events, then lists the containers, then follows
// the events by inspecting again: what an event says is only a hint at where to
// look. Every half minute it looks at everything, because an engine drops events
// without a word when it is busy. It reads only: it changes nothing in an engine.
//
// The rules for what a container comes to are in instanceOf, a pure function;
// docs/docker.md lists them for operators. The engine's client is used in
// client.go and decode.go alone.
//
// It does not reconnect: when the event stream ends, Run returns an error, and
// what was published stays published until the supervisor has called Run again.
package docker
