package docker

// agenda says what to ask the engine next, by keys: most are IDs of containers to
// inspect. Those that events speak of come before those that a full look asks
// for. Nothing is asked twice at the same time, so that what is learnt of it
// comes in order.
type agenda struct {
	urgent, routine []string
	waiting         map[string]bool // true: in urgent
	busy            map[string]bool // being asked; true: once more after that
}

func newAgenda() *agenda {
	return &agenda{waiting: map[string]bool{}, busy: map[string]bool{}}
}

// add wants something to be asked after now.
func (a *agenda) add(id string, urgent bool) {
	if _, ok := a.busy[id]; ok {
		a.busy[id] = true
		return
	}
	was, ok := a.waiting[id]
	switch {
	case urgent && !was:
		a.urgent = append(a.urgent, id)
	case !urgent && !ok:
		a.routine = append(a.routine, id)
	default:
		return
	}
	a.waiting[id] = urgent
}

// peek gives what to ask next, if there is anything.
func (a *agenda) peek() (id string, urgent, ok bool) {
	if len(a.urgent) > 0 {
		return a.urgent[0], true, true
	}
	// One that has become urgent since it was put here has been seen to.
	for len(a.routine) > 0 && !a.isRoutine(a.routine[0]) {
		a.routine = a.routine[1:]
	}
	if len(a.routine) > 0 {
		return a.routine[0], false, true
	}
	return "", false, false
}

func (a *agenda) isRoutine(id string) bool {
	urgent, ok := a.waiting[id]
	return ok && !urgent
}

// begin marks what peek gave as being asked.
func (a *agenda) begin(id string) {
	if len(a.urgent) > 0 && a.urgent[0] == id {
		a.urgent = a.urgent[1:]
	} else {
		a.routine = a.routine[1:]
	}
	delete(a.waiting, id)
	a.busy[id] = false
}

// done marks something as answered. It reports whether it has to be asked once
// more, because something happened meanwhile; that is then arranged.
func (a *agenda) done(id string) (again bool) {
	again = a.busy[id]
	delete(a.busy, id)
	if again {
		a.add(id, true)
	}
	return again
}
