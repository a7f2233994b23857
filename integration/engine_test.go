package integration

import (
	"github.com/rogpeppe/go-internal/testscript"

	"github.com/rollcall-dns/rollcall/integration/internal/engine"
)

// scriptEngine is a Docker engine of a script's own, which it can stop. It lives in a
// network namespace of its own, so that its firewall rules and bridges are not in the
// way of the engine that the other tests use.
type scriptEngine struct {
	*engine.Engine
	filled bool // holds the image
}

func engineCmd(ts *testscript.TestScript, neg bool, args []string) {
	plain(ts, neg, len(args) == 1, "engine start|stop")
	st := stateOf(ts)
	if st.engine == nil {
		e, err := engine.New("unshare", "--net")
		ts.Check(err)
		st.engine = &scriptEngine{Engine: e}
		ts.Setenv("DOCKER_HOST", e.Host())
		ts.Defer(func() { e.Remove() })
	}
	switch args[0] {
	case "start":
		ts.Check(st.engine.Start())
		if !st.engine.filled {
			ts.Check(importImage(st.engine.Host()))
			st.engine.filled = true
		}
	case "stop":
		ts.Check(st.engine.Stop())
	default:
		ts.Fatalf("usage: engine start|stop")
	}
}
