package client

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math/rand/v2"
	"net/http"
	"net/url"
	"sync"
	"time"
)

// Options say how an instance speaks to its servers.
type Options struct {
	// Servers are the base URLs of rollcall's HTTP interface. They are tried in
	// order; the one that answered last is kept. At least one.
	Servers []string
	// HTTP sends the requests. Nil means a client of its own.
	HTTP *http.Client
	// Logger is told when the server is lost and found. Nil means slog.Default.
	Logger *slog.Logger
}

// Instance is one registration that Run keeps. Make it with New. Its methods are
// safe for concurrent use.
type Instance struct {
	srv    servers
	log    *slog.Logger
	path   string
	period time.Duration // of heartbeats
	wake   chan struct{} // has a value when the state has changed
	known  chan struct{} // closed when a server has taken the registration

	mu    sync.Mutex // guards the fields below
	reg   Registration
	ended bool

	// Only Run's goroutine uses these.
	taken  State           // what the current server was told last; "" when it knows nothing
	at     map[string]bool // servers that may hold the registration
	misses int             // failures in a row
}

// New checks a registration as far as can be done without a server. Nothing is sent
// before Run.
func New(o Options, r Registration) (*Instance, error) {
	bases, err := parseServers(o.Servers)
	r, regErr := r.complete()
	if err := errors.Join(err, regErr); err != nil {
		return nil, err
	}
	i := &Instance{
		srv:    servers{http: o.HTTP, bases: bases},
		log:    o.Logger,
		path:   "/v1/services/" + url.PathEscape(r.Service) + "/instances/" + url.PathEscape(r.ID),
		period: r.Lease / 3,
		wake:   make(chan struct{}, 1),
		known:  make(chan struct{}),
		reg:    r,
		at:     map[string]bool{},
	}
	if i.srv.http == nil {
		i.srv.http = &http.Client{Transport: http.DefaultTransport.(*http.Transport).Clone()}
	}
	if i.log == nil {
		i.log = slog.Default()
	}
	i.log = i.log.With("service", r.Service, "id", r.ID)
	return i, nil
}

// ID is that of the registration, also where New has made it.
func (i *Instance) ID() string { return i.reg.ID }

// Registered is closed when a server has taken the registration for the first time.
func (i *Instance) Registered() <-chan struct{} { return i.known }

// SetState changes the state. It does not wait: Run tells the server at once, and
// again until it is heard. What was set last holds.
func (i *Instance) SetState(s State) {
	i.mu.Lock()
	i.reg.State = s
	i.mu.Unlock()
	select {
	case i.wake <- struct{}{}:
	default:
	}
}

func (i *Instance) registration() Registration {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.reg
}

// Run registers the instance, sends heartbeats, and registers it again when a
// server has forgotten it, until ctx is done; then it removes the registration and
// returns nil. It returns a *RefusedError when a server refuses what the
// registration says before any has taken it. Whatever else fails is tried again for
// ever. It may be called once.
//
// All requests are made one after another by the goroutine that calls Run, so no
// heartbeat can follow the removal.
func (i *Instance) Run(ctx context.Context) error {
	if i.begin() {
		return errors.New("client: Run was called before")
	}
	defer i.srv.http.CloseIdleConnections()
	for ctx.Err() == nil {
		err := i.beat(ctx)
		if refused := new(RefusedError); errors.As(err, &refused) && !i.registered() {
			i.leave()
			return fmt.Errorf("register: %w", err)
		}
		i.sleep(ctx, i.after(ctx, err))
	}
	i.leave()
	return nil
}

func (i *Instance) begin() (ended bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	ended, i.ended = i.ended, true
	return ended
}

// beat makes the current server know the registration as it is now.
func (i *Instance) beat(ctx context.Context) error {
	r := i.registration()
	var err error
	switch i.taken {
	case "":
		return i.register(ctx, &r)
	case r.State:
		// A heartbeat creates nothing, so it may be given up half done.
		err = i.send(ctx, http.MethodPut, "/heartbeat", nil)
	default:
		if err = i.send(ctx, http.MethodPut, "/state", fmt.Appendf(nil, `{"state":%q}`, r.State)); err == nil {
			i.taken = r.State
		}
	}
	if errors.Is(err, errUnknown) {
		i.log.Info("the server has forgotten the registration: registering again", "server", i.srv.current())
		return i.register(ctx, &r)
	}
	return err
}

func (i *Instance) register(ctx context.Context, r *Registration) error {
	body, err := r.body()
	if err != nil {
		return err
	}
	i.at[i.srv.current()] = true
	// Given up half done it could arrive after the removal.
	if err := i.send(context.WithoutCancel(ctx), http.MethodPut, "", body); err != nil {
		return err
	}
	i.taken = r.State
	if !i.registered() {
		close(i.known)
	}
	i.log.Info("registered", "server", i.srv.current(), "state", r.State)
	return nil
}

func (i *Instance) registered() bool {
	select {
	case <-i.known:
		return true
	default:
		return false
	}
}

// send makes one request that takes no longer than half the time between heartbeats.
func (i *Instance) send(ctx context.Context, method, below string, body []byte) error {
	ctx, cancel := context.WithTimeout(ctx, min(max(i.period/2, time.Second/2), 5*time.Second))
	defer cancel()
	return i.srv.do(ctx, method, i.path+below, body)
}

// after is how long to wait before the next beat, given how the last one went.
func (i *Instance) after(ctx context.Context, err error) time.Duration {
	if err == nil {
		if i.misses > 0 {
			i.log.Info("the server answers again", "server", i.srv.current())
		}
		i.misses = 0
		return jitter(i.period)
	}
	if ctx.Err() != nil {
		return 0
	}
	wait := backoff(i.misses, i.period)
	i.misses++
	if later := new(laterError); errors.As(err, &later) {
		wait = max(wait, later.after)
	}
	what := "heartbeat"
	if i.taken == "" {
		what = "registration"
	}
	i.log.Warn("the server does not take the "+what, "server", i.srv.current(), "error", err, "retry", wait.Round(time.Millisecond))
	i.srv.next()
	if len(i.srv.bases) > 1 {
		i.taken = ""
	}
	return wait
}

// leave removes the registration wherever it may be. What cannot be reached
// forgets it when the lease ends.
func (i *Instance) leave() {
	ctx, cancel := context.WithTimeout(context.Background(), 3*time.Second)
	defer cancel()
	var wg sync.WaitGroup
	errs := make(chan error, len(i.at))
	for base := range i.at {
		wg.Go(func() {
			if err := i.srv.doAt(ctx, base, http.MethodDelete, i.path, nil); err != nil && !errors.Is(err, errUnknown) {
				errs <- err
			}
		})
	}
	wg.Wait()
	close(errs)
	for err := range errs {
		i.log.Warn("the registration could not be removed: if there is one, it ends with its lease", "error", err)
	}
}

func (i *Instance) sleep(ctx context.Context, d time.Duration) {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
	case <-i.wake:
	case <-ctx.Done():
	}
}

// jitter spreads heartbeats, so that services that started together do not stay so.
func jitter(d time.Duration) time.Duration { return d*9/10 + rand.N(d/5+1) }

// backoff is a random time up to half a second after the first failure and twice
// as much after each further one, up to a period or 30 s.
func backoff(misses int, period time.Duration) time.Duration {
	most := min(time.Second/2<<min(misses, 10), max(period, time.Second), 30*time.Second)
	return rand.N(most) + time.Millisecond
}
