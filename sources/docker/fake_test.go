package docker

import (
	"encoding/json"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// fake is an engine that does on demand what a real one does seldom. It speaks
// the API over a unix socket.
type fake struct {
	t      *testing.T
	socket string

	mu          sync.Mutex // guards the fields below
	version     string     // highest API version
	minimum     string     // lowest, if not ""
	modern      bool       // events as from API 1.52 on
	deaf        bool       // events are lost
	containers  map[string]*fakeContainer
	networks    []map[string]any
	streams     map[chan string]struct{}
	broken      map[string]int           // status of an inspection, by ID
	stuck       map[string]chan struct{} // inspections that hang, by ID
	listStatus  int                      // of the next listings, if not 0
	cut         bool                     // all inspections but the first are refused
	requests    map[string]int           // by path, without version
	clientTalks string                   // version in the last request
}

type fakeContainer struct {
	ID, Name   string
	IP         string
	Mode       string
	Labels     map[string]string
	StopSignal string
	Stop       *int // seconds
	Running    bool
	Paused     bool
	Restarting bool
	Health     string
	Started    time.Time
}

func newFake(t *testing.T) *fake {
	t.Helper()
	f := &fake{
		t: t, socket: filepath.Join(t.TempDir(), "engine.sock"), version: "1.51",
		containers: map[string]*fakeContainer{}, streams: map[chan string]struct{}{},
		broken: map[string]int{}, stuck: map[string]chan struct{}{}, requests: map[string]int{},
		networks: []map[string]any{{"Name": "bridge", "Id": "n0", "Driver": "bridge",
			"IPAM": map[string]any{"Config": []map[string]string{{"Subnet": "10.0.0.0/8", "Gateway": "10.255.255.254"}}}}},
	}
	f.start()
	return f
}

// start makes the engine answer on its socket until the test ends.
func (f *fake) start() {
	l, err := net.Listen("unix", f.socket)
	if err != nil {
		f.t.Fatal(err)
	}
	srv := &http.Server{Handler: f}
	done := make(chan struct{})
	go func() { defer close(done); _ = srv.Serve(l) }()
	f.t.Cleanup(func() { _ = srv.Close(); <-done })
}

func (f *fake) host() string { return "unix://" + f.socket }

var versioned = regexp.MustCompile(`^/v(\d+\.\d+)(/.*)$`)

func (f *fake) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	path := r.URL.Path
	f.mu.Lock()
	w.Header().Set("Api-Version", f.version)
	w.Header().Set("Content-Type", "application/json")
	if m := versioned.FindStringSubmatch(path); m != nil {
		f.clientTalks, path = m[1], m[2]
		if m[1] < f.minimum {
			f.mu.Unlock()
			fail(w, http.StatusBadRequest, "client version "+m[1]+" is too old. Minimum supported API version is "+f.minimum)
			return
		}
	}
	f.requests[path]++
	f.mu.Unlock()
	switch {
	case path == "/_ping":
	case path == "/events":
		f.serveEvents(w, r)
	case path == "/networks":
		f.answer(w, func() any { return f.networks })
	case path == "/containers/json":
		f.serveList(w)
	default:
		f.serveInspect(w, r, strings.TrimSuffix(strings.TrimPrefix(path, "/containers/"), "/json"))
	}
}

func fail(w http.ResponseWriter, status int, message string) {
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]string{"message": message})
}

func (f *fake) answer(w http.ResponseWriter, what func() any) {
	f.mu.Lock()
	body, err := json.Marshal(what())
	f.mu.Unlock()
	if err != nil {
		f.t.Error(err)
	}
	_, _ = w.Write(body)
}

func (f *fake) serveList(w http.ResponseWriter) {
	f.mu.Lock()
	status := f.listStatus
	f.mu.Unlock()
	if status != 0 {
		fail(w, status, "the list is broken")
		return
	}
	f.answer(w, func() any {
		list := []map[string]string{}
		for id, c := range f.containers {
			if c.Running {
				list = append(list, map[string]string{"Id": id})
			}
		}
		return list
	})
}

func (f *fake) serveInspect(w http.ResponseWriter, r *http.Request, id string) {
	f.mu.Lock()
	c, status, stuck := f.containers[id], f.broken[id], f.stuck[id]
	if f.cut && id != fakeID(1) {
		status = http.StatusForbidden
	}
	f.mu.Unlock()
	if stuck != nil {
		select {
		case <-stuck:
		case <-r.Context().Done():
			return
		}
	}
	switch {
	case status != 0:
		fail(w, status, "the container is broken")
	case c == nil:
		fail(w, http.StatusNotFound, "No such container: "+id)
	default:
		f.answer(w, func() any { return c.inspection() })
	}
}

// inspection has the size of a real one, because decoding takes time.
func (c *fakeContainer) inspection() map[string]any {
	state := map[string]any{"Status": "running", "Running": c.Running, "Paused": c.Paused, "Restarting": c.Restarting,
		"StartedAt": c.Started.Format(time.RFC3339Nano)}
	if c.Health != "" {
		state["Health"] = map[string]any{"Status": c.Health}
	}
	networks := map[string]any{}
	if c.IP != "" && c.Running {
		networks["bridge"] = map[string]any{"NetworkID": "n0", "IPAddress": c.IP, "IPPrefixLen": 8}
	}
	return map[string]any{
		"Id": c.ID, "Name": "/" + c.Name, "State": state,
		"HostConfig": map[string]any{"NetworkMode": c.Mode, "Binds": []string{strings.Repeat("/a:/b", 400)}},
		"Config": map[string]any{"Labels": c.Labels, "StopSignal": c.StopSignal, "StopTimeout": c.Stop,
			"ExposedPorts": map[string]any{"80/tcp": map[string]any{}}, "Env": []string{"PATH=" + strings.Repeat("/usr/bin:", 100)}},
		"NetworkSettings": map[string]any{"Networks": networks, "Ports": map[string]any{"80/tcp": nil}},
	}
}

func (f *fake) serveEvents(w http.ResponseWriter, r *http.Request) {
	lines := make(chan string, 10000)
	f.mu.Lock()
	stuck := f.stuck["events"]
	f.streams[lines] = struct{}{}
	f.mu.Unlock()
	if stuck != nil {
		select {
		case <-stuck:
		case <-r.Context().Done():
		}
	}
	defer func() {
		f.mu.Lock()
		delete(f.streams, lines)
		f.mu.Unlock()
	}()
	w.WriteHeader(http.StatusOK)
	w.(http.Flusher).Flush()
	for {
		select {
		case line, ok := <-lines:
			if !ok {
				return
			}
			fmt.Fprintln(w, line)
			w.(http.Flusher).Flush()
		case <-r.Context().Done():
			return
		}
	}
}

// emit sends an event to who listens, without changing anything. Attributes are
// given as "key=value".
func (f *fake) emit(kind, action, id string, attributes ...string) {
	attrs := map[string]string{"image": "web"}
	for _, a := range attributes {
		k, v, _ := strings.Cut(a, "=")
		attrs[k] = v
	}
	m := map[string]any{"Type": kind, "Action": action, "Actor": map[string]any{"ID": id, "Attributes": attrs},
		"scope": "local", "time": time.Now().Unix(), "timeNano": time.Now().UnixNano()}
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.modern {
		m["status"], m["id"], m["from"] = action, id, "web"
	}
	line, err := json.Marshal(m)
	if err != nil {
		f.t.Error(err)
	}
	for s := range f.streams {
		if !f.deaf {
			s <- string(line)
		}
	}
}

// hangUp ends all event streams.
func (f *fake) hangUp() {
	f.mu.Lock()
	defer f.mu.Unlock()
	for s := range f.streams {
		close(s)
		delete(f.streams, s)
	}
}

// with changes the engine's world without an event.
func (f *fake) with(change func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	change()
}

// run starts the n-th container, and says so.
func (f *fake) run(n int, set ...func(*fakeContainer)) string {
	c := &fakeContainer{ID: fakeID(n), Name: fmt.Sprintf("web-%d", n), Mode: "bridge", Running: true, Started: time.Now(),
		IP: fmt.Sprintf("10.%d.%d.%d", n>>16, n>>8&255, n&255)}
	for _, s := range set {
		s(c)
	}
	f.with(func() { f.containers[c.ID] = c })
	f.emit("container", "start", c.ID)
	return c.ID
}

// die stops a container, and says so.
func (f *fake) die(id string) {
	f.with(func() { f.containers[id].Running = false })
	f.emit("container", "die", id, "exitCode=137")
}

func fakeID(n int) string { return fmt.Sprintf("%064x", n) }
