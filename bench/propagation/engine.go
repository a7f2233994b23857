package main

import (
	"archive/tar"
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"os"
	"os/exec"
	"strings"
	"sync"
	"time"
)

// engine speaks to the local Docker engine, as little as the measurement needs.
type engine struct {
	http   http.Client
	socket string
	label  string // marks what this run makes
	image  string

	mu     sync.Mutex // guards events
	events map[eventKey]time.Time
}

// eventKey names the first event of a kind since it was forgotten.
type eventKey struct{ container, action string }

func newEngine() *engine {
	socket := strings.TrimPrefix(os.Getenv("DOCKER_HOST"), "unix://")
	if socket == "" {
		socket = "/var/run/docker.sock"
	}
	label := fmt.Sprintf("rollcall-bench-%d", os.Getpid())
	e := &engine{socket: socket, label: label, image: label + ":latest", events: make(map[eventKey]time.Time)}
	e.http.Transport = &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "unix", socket)
	}}
	return e
}

// call sends a request and decodes the answer into out, unless that is nil.
func (e *engine) call(method, path string, body, out any) error {
	r, isReader := body.(io.Reader)
	if body != nil && !isReader {
		b, err := json.Marshal(body)
		if err != nil {
			return err
		}
		r = bytes.NewReader(b)
	}
	req, err := http.NewRequest(method, "http://engine"+path, r)
	if err != nil {
		return err
	}
	req.Header.Set("Content-Type", "application/json")
	resp, err := e.http.Do(req)
	if err != nil {
		return fmt.Errorf("%s %s: %w", method, path, err)
	}
	defer resp.Body.Close()
	if resp.StatusCode >= 300 {
		said, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<12))
		return fmt.Errorf("%s %s: %s: %s", method, path, resp.Status, bytes.TrimSpace(said))
	}
	if out == nil {
		_, err = io.Copy(io.Discard, resp.Body)
		return err
	}
	return json.NewDecoder(resp.Body).Decode(out)
}

// makeImage imports an image that holds busybox, which must be static.
func (e *engine) makeImage() error {
	name, err := exec.LookPath("busybox")
	if err != nil {
		return fmt.Errorf("%w: install busybox-static", err)
	}
	busybox, err := os.ReadFile(name)
	if err != nil {
		return err
	}
	var b bytes.Buffer
	w := tar.NewWriter(&b)
	w.WriteHeader(&tar.Header{Name: "bin/busybox", Mode: 0o755, Size: int64(len(busybox))})
	w.Write(busybox)
	for _, applet := range []string{"sh", "sleep", "test", "rm", "touch"} {
		w.WriteHeader(&tar.Header{Typeflag: tar.TypeSymlink, Name: "bin/" + applet, Linkname: "busybox", Mode: 0o777})
	}
	if err := w.Close(); err != nil {
		return err
	}
	return e.call("POST", "/images/create?fromSrc=-&repo="+e.label+"&tag=latest", &b, nil)
}

// create makes a container of the service that it is named after. With a health
// check it is healthy for as long as it has a file /ok.
func (e *engine) create(name string, checked bool) (id string, err error) {
	config := map[string]any{
		"Image":        e.image,
		"Env":          []string{"PATH=/bin"},
		"Cmd":          []string{"sh", "-c", "touch /ok; trap 'exit 0' USR1; while :; do sleep 1000 & wait; done"},
		"Labels":       map[string]string{e.label: "", "SERVICE_NAME": name},
		"ExposedPorts": map[string]any{fmt.Sprintf("%d/tcp", port): struct{}{}},
	}
	if checked {
		config["Healthcheck"] = map[string]any{
			"Test": []string{"CMD", "test", "-e", "/ok"}, "Interval": 200 * time.Millisecond, "Retries": 1,
		}
	}
	var created struct{ Id string }
	err = e.call("POST", "/containers/create?name="+name, config, &created)
	return created.Id, err
}

func (e *engine) start(id string) error { return e.call("POST", "/containers/"+id+"/start", nil, nil) }
func (e *engine) pause(id string) error { return e.call("POST", "/containers/"+id+"/pause", nil, nil) }
func (e *engine) unpause(id string) error {
	return e.call("POST", "/containers/"+id+"/unpause", nil, nil)
}

func (e *engine) kill(id, signal string) error {
	return e.call("POST", "/containers/"+id+"/kill?signal="+signal, nil, nil)
}

// exec runs a command in a container.
func (e *engine) exec(id string, command ...string) error {
	var made struct{ Id string }
	if err := e.call("POST", "/containers/"+id+"/exec", map[string]any{"Cmd": command}, &made); err != nil {
		return err
	}
	return e.call("POST", "/exec/"+made.Id+"/start", map[string]any{"Detach": true}, nil)
}

// address is the container's on the default network.
func (e *engine) address(id string) (netip.Addr, error) {
	var c struct {
		NetworkSettings struct {
			Networks map[string]struct{ IPAddress string }
		}
	}
	if err := e.call("GET", "/containers/"+id+"/json", nil, &c); err != nil {
		return netip.Addr{}, err
	}
	return netip.ParseAddr(c.NetworkSettings.Networks["bridge"].IPAddress)
}

// clean removes all that this run made.
func (e *engine) clean() {
	var list []struct{ Id string }
	e.call("GET", `/containers/json?all=1&filters={"label":["`+e.label+`"]}`, nil, &list)
	for _, c := range list {
		e.call("DELETE", "/containers/"+c.Id+"?force=1&v=1", nil, nil)
	}
	e.call("DELETE", "/images/"+e.image+"?force=1", nil, nil)
}
