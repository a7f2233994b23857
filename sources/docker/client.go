package docker

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"

	api "github.com/docker/docker/api/types/container"
	"github.com/docker/docker/api/types/events"
	"github.com/docker/docker/api/types/filters"
	apinetwork "github.com/docker/docker/api/types/network"
	"github.com/docker/docker/client"
	"github.com/docker/docker/errdefs"
)

// docker is an engine behind its API. The version of the API is negotiated with
// the first request and then holds, so each Run has a client of its own: after an
// upgrade of the engine the event stream breaks, and the next Run negotiates anew.
type docker struct {
	api     *client.Client
	timeout time.Duration
	unix    bool
}

// dial connects to the engine of a host, as Options.Host has it.
func dial(ctx context.Context, host string, timeout time.Duration) (engine, error) {
	network, address, err := addressOf(host)
	if err != nil {
		return nil, err
	}
	if err := Available(ctx, host); err != nil {
		return nil, err
	}
	opts := []client.Opt{client.FromEnv}
	if host != "" {
		opts = append(opts, client.WithHost(host))
	}
	opts = append(opts, keepConnections, client.WithAPIVersionNegotiation())
	c, err := client.NewClientWithOpts(opts...)
	if err != nil {
		return nil, fmt.Errorf("client of the Docker engine at %s: %w", address, err)
	}
	return &docker{api: c, timeout: timeout, unix: network == "unix"}, nil
}

// keepConnections lets each inspector keep its connection: two, Go's default,
// would make the others dial for every container.
func keepConnections(c *client.Client) error {
	if t, ok := c.HTTPClient().Transport.(*http.Transport); ok {
		t.MaxIdleConns, t.MaxIdleConnsPerHost = inspectors+2, inspectors+2
	}
	return nil
}

func (d *docker) local() bool { return d.unix }
func (d *docker) close()      { _ = d.api.Close() } // closes idle connections only, and cannot fail

// listTimeouts is how many timeouts a listing may take: engines need seconds for
// thousands of containers.
const listTimeouts = 6

func (d *docker) list(ctx context.Context) ([]string, error) {
	ctx, cancel := context.WithTimeout(ctx, listTimeouts*d.timeout)
	defer cancel()
	found, err := d.api.ContainerList(ctx, api.ListOptions{})
	if err != nil {
		return nil, fmt.Errorf("list containers: %w", err)
	}
	ids := make([]string, len(found))
	for i := range found {
		ids[i] = found[i].ID
	}
	return ids, nil
}

func (d *docker) inspect(ctx context.Context, id string) (*container, error) {
	ctx, cancel := context.WithTimeout(ctx, d.timeout)
	defer cancel()
	raw, err := d.api.ContainerInspect(ctx, id)
	if err != nil {
		return nil, inspectError(id, err)
	}
	c, err := containerOf(&raw)
	if err != nil {
		return nil, fmt.Errorf("container %s %w: %w", short(id), errUnreadable, err)
	}
	return c, nil
}

// inspectError tells the ways apart in which an inspection fails. A timeout is
// the container's fault: engines hold a lock for each, and some are stuck. A
// refused connection is not the end either: an engine that stops takes no new
// ones, while it still tells of its containers' deaths.
func inspectError(id string, err error) error {
	switch {
	//lint:ignore SA1019 its replacement would be one more direct dependency
	case errdefs.IsNotFound(err):
		return errGone
	case errors.Is(err, context.Canceled),
		//lint:ignore SA1019 as above; "client version … is too old" comes as one
		errdefs.IsInvalidParameter(err), errdefs.IsForbidden(err), errdefs.IsUnauthorized(err):
		return fmt.Errorf("inspect container %s: %w", short(id), err)
	}
	return fmt.Errorf("container %s %w: %w", short(id), errUnreadable, err)
}

func (d *docker) networks(ctx context.Context) ([]network, error) {
	ctx, cancel := context.WithTimeout(ctx, d.timeout)
	defer cancel()
	found, err := d.api.NetworkList(ctx, apinetwork.ListOptions{})
	if err != nil {
		return nil, fmt.Errorf("list networks: %w", err)
	}
	nets := make([]network, len(found))
	for i := range found {
		nets[i] = networkOf(&found[i])
	}
	return nets, nil
}

// wanted are the events that can matter. Asking for health_status makes engines
// match all of them as prefixes, so eventOf looks again.
var wanted = []string{"start", "die", "kill", "pause", "unpause", "rename", "destroy", "health_status",
	"connect", "disconnect", "create", "remove"}

func (d *docker) watch(ctx context.Context, subscribed func(), heed func(event)) error {
	ctx, cancel := context.WithCancel(ctx)
	args := filters.NewArgs(filters.Arg("type", "container"), filters.Arg("type", "network"))
	for _, w := range wanted {
		args.Add("event", w)
	}
	messages, errs := d.api.Events(ctx, events.ListOptions{Filters: args})
	defer func() { // the client closes errs when its goroutine ends
		cancel()
		for range errs {
		}
	}()
	first := true
	for {
		select {
		case err := <-errs:
			return fmt.Errorf("docker events: %w", err)
		default:
		}
		if first {
			first = false
			subscribed()
		}
		select {
		case m := <-messages:
			if e, ok := eventOf(&m); ok {
				heed(e)
			}
		case err := <-errs:
			return fmt.Errorf("docker events: %w", err)
		}
	}
}

// eventOf reads an event by Type, Action and Actor alone: what stood beside them
// is no longer sent from API 1.52 on.
func eventOf(m *events.Message) (event, bool) {
	if m.Type == events.NetworkEventType {
		switch m.Action {
		case events.ActionConnect, events.ActionDisconnect:
			id := m.Actor.Attributes["container"]
			return event{container: id}, id != ""
		case events.ActionCreate, events.ActionDestroy, events.ActionRemove:
			return event{}, true
		}
		return event{}, false
	}
	e := event{container: m.Actor.ID}
	if m.TimeNano != 0 {
		e.at = time.Unix(0, m.TimeNano)
	}
	if m.Type != events.ContainerEventType || e.container == "" {
		return event{}, false
	}
	switch m.Action {
	case events.ActionStart:
		e.what = started
	case events.ActionDie, events.ActionDestroy:
		e.what = ended
	case events.ActionKill:
		e.what = killed
		e.signal, _ = strconv.Atoi(m.Actor.Attributes["signal"])
	case events.ActionPause, events.ActionUnPause, events.ActionRename:
	default:
		return e, strings.HasPrefix(string(m.Action), string(events.ActionHealthStatus))
	}
	return e, true
}
