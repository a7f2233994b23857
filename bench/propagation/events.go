package main

import (
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"time"
)

// follow notes when events happened, by the engine's own clock. It returns when
// the engine has accepted the subscription; fail is called when that ends.
func (e *engine) follow(fail func(error)) error {
	filters := url.QueryEscape(`{"type":["container"],"label":["` + e.label + `"]}`)
	resp, err := e.http.Get("http://engine/events?filters=" + filters)
	if err != nil {
		return err
	}
	if resp.StatusCode != http.StatusOK {
		return fmt.Errorf("events: %s", resp.Status)
	}
	go func() {
		defer resp.Body.Close()
		for in := json.NewDecoder(resp.Body); ; {
			var ev struct {
				Action   string
				Actor    struct{ ID string }
				TimeNano int64
			}
			if err := in.Decode(&ev); err != nil {
				fail(fmt.Errorf("events: %w", err))
				return
			}
			e.note(eventKey{ev.Actor.ID, ev.Action}, time.Unix(0, ev.TimeNano))
		}
	}()
	return nil
}

func (e *engine) note(k eventKey, at time.Time) {
	e.mu.Lock()
	defer e.mu.Unlock()
	if _, known := e.events[k]; !known {
		e.events[k] = at
	}
}

// forget makes the next event of the kind the first again.
func (e *engine) forget(k eventKey) {
	e.mu.Lock()
	defer e.mu.Unlock()
	delete(e.events, k)
}

// happened waits for the event and gives its time.
func (e *engine) happened(k eventKey) (time.Time, error) {
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(time.Millisecond) {
		e.mu.Lock()
		at, ok := e.events[k]
		e.mu.Unlock()
		if ok {
			return at, nil
		}
	}
	return time.Time{}, fmt.Errorf("no event %q of container %.12s within 10 s", k.action, k.container)
}
