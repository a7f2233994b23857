package docker

// rank says how soon something is asked.
type rank int

const (
	doubtful rank = iota + 1 // its last inspection has failed: it may keep an inspector busy until the timeout
	routine                  // a full look asks for it
	urgent                   // an event speaks of it
	ranks    = iota + 1
)

// most is how many of a rank are asked at the same time, together with those of lower
// ones: so that what is stuck delays nothing that is not.
var most = [ranks]int{doubtful: inspectors / 4, routine: inspectors * 3 / 4, urgent: inspectors}

// agenda says what to ask the engine next, by keys: most are IDs of containers to
// inspect. Nothing is asked twice at the same time, so that what is learnt of it
// comes in order.
type agenda struct {
	queue   [ranks][]string
	waiting map[string]rank
	busy    map[string]asked
	flight  [ranks]int // how many are being asked
}

// asked is what is being asked.
type asked struct{ as, again rank } // again: once more after that; 0: not

func newAgenda() *agenda {
	return &agenda{waiting: map[string]rank{}, busy: map[string]asked{}}
}

// add wants something to be asked after now.
func (a *agenda) add(key string, as rank) {
	if b, ok := a.busy[key]; ok {
		b.again = max(b.again, as)
		a.busy[key] = b
		return
	}
	if a.waiting[key] < as {
		a.queue[as] = append(a.queue[as], key)
		a.waiting[key] = as
	}
}

// asking reports whether something is being asked.
func (a *agenda) asking(key string) bool {
	_, ok := a.busy[key]
	return ok
}

// peek gives what to ask next, if there is anything.
func (a *agenda) peek() (key string, as rank, ok bool) {
	for as := urgent; as >= doubtful; as-- {
		// One that has a higher rank since it was put here is seen to there.
		for len(a.queue[as]) > 0 && a.waiting[a.queue[as][0]] != as {
			a.queue[as] = a.queue[as][1:]
		}
		if len(a.queue[as]) > 0 && a.room(as) {
			return a.queue[as][0], as, true
		}
	}
	return "", 0, false
}

func (a *agenda) room(as rank) bool {
	n := 0
	for lower := doubtful; lower <= as; lower++ {
		n += a.flight[lower]
	}
	return n < most[as]
}

// begin marks what peek gave as being asked.
func (a *agenda) begin(key string) {
	as := a.waiting[key]
	a.queue[as] = a.queue[as][1:]
	delete(a.waiting, key)
	a.busy[key] = asked{as: as}
	a.flight[as]++
}

// done marks something as answered. It reports whether it has to be asked once
// more, because something happened meanwhile; that is then arranged.
func (a *agenda) done(key string) (again bool) {
	b, ok := a.busy[key]
	if !ok {
		return false
	}
	delete(a.busy, key)
	a.flight[b.as]--
	if b.again > 0 {
		a.add(key, b.again)
	}
	return b.again > 0
}

// more reports whether full looks wait for something.
func (a *agenda) more() bool { return len(a.queue[routine])+len(a.queue[doubtful]) > 0 }
