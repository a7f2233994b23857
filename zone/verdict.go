package zone

// Verdict is what the checks of an instance have found. It creates no instance,
// does not count as listed in a sync, and says nothing of one that has another
// revision by now.
type Verdict struct {
	Key      Key
	Revision uint64 // of the instance that was checked
	State    State
	Reason   string // why it is not up
	// Failed is when the checks of an instance that is Down have failed: in
	// nanoseconds, above 0, of a clock that is the same for all instances. It is 0
	// when they have not passed before.
	Failed int64
}

// opinion is a state, and why it is that.
type opinion struct {
	state  State
	reason string
}

// judged is what is known of the state of an instance with checks.
type judged struct {
	revision uint64
	said     opinion // by its source
	found    opinion // by its checks
	failed   int64   // as in Verdict
}

// state is that of the source, unless this is Up: then that of the checks.
func (j *judged) state() opinion {
	if j.said.state == Up {
		return j.found
	}
	return j.said
}

// unchecked is the opinion of checks that have not passed or failed yet.
func unchecked(checks []Check) opinion {
	for i := range checks {
		if checks[i].Initial != Up {
			return opinion{Starting, "its check has not passed yet"}
		}
	}
	return opinion{state: Up}
}

// judge gives an instance, which has the state that its source reports, the state
// that its checks leave it.
func (w *writer) judge(key Key, in *Instance) {
	if len(in.Checks) == 0 {
		delete(w.judged, key)
		return
	}
	j := w.judged[key]
	if j == nil || j.revision != in.Revision {
		j = &judged{revision: in.Revision, found: unchecked(in.Checks)}
		w.judged[key] = j
	}
	j.said = opinion{in.State, in.Reason}
	now := j.state()
	in.State, in.Reason = now.state, now.reason
}

// setVerdict takes in what checks have found.
func (w *writer) setVerdict(v *Verdict) {
	j := w.judged[v.Key]
	if j == nil || j.revision != v.Revision {
		return
	}
	j.found, j.failed = opinion{v.State, v.Reason}, v.Failed
	old, _ := w.entry(v.Key)
	now := j.state()
	next := old.instance()
	if (opinion{next.State, next.Reason}) == now && old.failed == w.failedAt(v.Key, next) {
		return
	}
	next.State, next.Reason = now.state, now.reason
	w.replace(old, v.Key.Source, next)
}
