package docker

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"os"
	"syscall"
	"time"

	"github.com/docker/docker/client"
)

// What can be wrong before an engine has said a word. Errors of Available and
// Run wrap them.
var (
	// ErrNoEngine means that nothing listens where the engine should be.
	ErrNoEngine = errors.New("no Docker engine")
	// ErrPermission means that the engine's socket is there, but not for us.
	ErrPermission = errors.New("no permission to use the Docker engine")
)

// Available reports, cheaply and at once, whether something listens where an
// engine should be: nil, or an error that says what to do about it. The host is
// that of Options.
func Available(ctx context.Context, host string) error {
	network, address, err := addressOf(host)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second)
	defer cancel()
	conn, err := new(net.Dialer).DialContext(ctx, network, address)
	if err == nil {
		return conn.Close()
	}
	switch {
	case errors.Is(err, fs.ErrPermission):
		return fmt.Errorf("%w at %s: %s", ErrPermission, address, adviceOn(address))
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, syscall.ECONNREFUSED):
		return fmt.Errorf("%w at %s: %w", ErrNoEngine, address, err)
	}
	return fmt.Errorf("connect to the Docker engine at %s: %w", address, err)
}

// addressOf is where the engine of a host listens, for net.Dial.
func addressOf(host string) (network, address string, err error) {
	if host == "" {
		host = os.Getenv(client.EnvOverrideHost)
	}
	if host == "" {
		host = client.DefaultDockerHost
	}
	u, err := client.ParseHostURL(host)
	if err != nil {
		return "", "", fmt.Errorf("docker host %q: %w", host, err)
	}
	switch u.Scheme {
	case "unix":
		return "unix", u.Host, nil
	case "tcp", "http", "https":
		return "tcp", u.Host, nil
	}
	return "", "", fmt.Errorf("docker host %q: must be unix:///PATH or tcp://HOST:PORT", host)
}

// adviceOn says how to become one who may use a socket.
func adviceOn(socket string) string {
	info, err := os.Stat(socket)
	if err == nil {
		if st, ok := info.Sys().(*syscall.Stat_t); ok {
			return fmt.Sprintf("its socket belongs to the group %d: run the container with --group-add %d, or make the user a member of that group", st.Gid, st.Gid)
		}
	}
	return "run the container with --group-add and the group of its socket, or make the user a member of that group"
}
