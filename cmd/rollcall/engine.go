package main

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
	"net/url"
	"os"
	"time"

	"github.com/rollcall-dns/rollcall/sources"
	"github.com/rollcall-dns/rollcall/sources/docker"
)

// engine is the Docker engine to follow, as it was found at the start.
type engine struct {
	host   string // as docker.Options has it
	absent error  // why it is not there; only for --docker auto, which works without
}

// findEngine looks for the engine that is configured; nil when none is wanted.
func findEngine(setting string) *engine {
	switch setting {
	case dockerOff:
		return nil
	case dockerAuto:
		return &engine{absent: docker.Available(context.Background(), "")}
	}
	return &engine{host: setting}
}

// entry is the source that follows the engine. Nobody waits for one that is not
// there.
func (e *engine) entry(advertise []netip.Addr, log *slog.Logger) sources.Entry {
	entry := sources.Entry{Source: docker.New(docker.Options{Host: e.host, Advertise: advertise, Logger: log})}
	if e.absent == nil {
		log.Info("following the Docker engine", "engine", e.name())
		return entry
	}
	entry.Grace, entry.Retry = sources.NoGrace, 5*time.Second
	level := slog.LevelInfo
	if errors.Is(e.absent, docker.ErrPermission) {
		level = slog.LevelWarn // there is one, and somebody will wonder
	}
	log.Log(context.Background(), level, "starting without a Docker engine", "reason", e.absent, "retry", entry.Retry)
	return entry
}

func (e *engine) name() string {
	if e.host == "" {
		return "the local one"
	}
	return e.host
}

// remote reports whether the engine is on another machine.
func (e *engine) remote() bool {
	if e == nil {
		return false
	}
	host := e.host
	if host == "" {
		host = os.Getenv("DOCKER_HOST")
	}
	u, err := url.Parse(host)
	if err != nil || u.Hostname() == "" {
		return false
	}
	addr, err := netip.ParseAddr(u.Hostname())
	return u.Hostname() != "localhost" && (err != nil || !addr.IsLoopback())
}
