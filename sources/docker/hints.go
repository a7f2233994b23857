package docker

import (
	"sync"
	"time"
)

// hints holds what events have said and nobody has heeded yet: one entry for
// each container, however many events it had, so that an engine can be read as
// fast as it speaks (it drops events of slow readers silently) while memory is
// bounded by the number of containers. It is safe for concurrent use.
type hints struct {
	wake chan struct{} // has a value when there is something to take

	mu       sync.Mutex // guards the fields below
	order    []string   // IDs, by their first event
	byID     map[string]hint
	networks bool
}

// hint is the sum of a container's events.
type hint struct {
	look    bool      // something has changed: inspect it
	fresh   bool      // it has died or started: earlier signals do not count
	gone    bool      // it has died, and not started since
	died    time.Time // when gone; zero: the engine did not say
	signals signals   // sent since then
	sent    time.Time // the last of them; zero: the engine did not say
}

func newHints() *hints {
	return &hints{wake: make(chan struct{}, 1), byID: map[string]hint{}}
}

func (h *hints) add(e event) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if e.container == "" {
		h.networks = true
	} else {
		old, known := h.byID[e.container]
		if !known {
			h.order = append(h.order, e.container)
		}
		h.byID[e.container] = old.and(e)
	}
	select {
	case h.wake <- struct{}{}:
	default:
	}
}

func (h hint) and(e event) hint {
	switch e.what {
	case killed:
		h.signals, h.sent = h.signals.with(e.signal), e.at
		return h
	case started:
		h = hint{fresh: true}
	case ended:
		h = hint{fresh: true, gone: true, died: e.at}
	}
	h.look = true
	return h
}

// take gives all hints, in the order of their first events, and forgets them.
func (h *hints) take() (order []string, byID map[string]hint, networks bool) {
	h.mu.Lock()
	defer h.mu.Unlock()
	order, byID, networks = h.order, h.byID, h.networks
	h.order, h.byID, h.networks = nil, map[string]hint{}, false
	return order, byID, networks
}
