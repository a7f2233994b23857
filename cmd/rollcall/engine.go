package main

import (
	"context"
	"errors"
	"log/slog"
	"net/netip"
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

// errAdvertise refuses to guess the address of a container's host.
var errAdvertise = errors.New(`--advertise "" must be given in a container, where the address of the host cannot be seen: ` +
	"it is the one at which others reach ports published on the host, for example --advertise 192.0.2.10; " +
	"--docker off needs none")

// checkAdvertise refuses to follow an engine without an address to give out for
// the ports that it publishes, where that cannot be found out.
func checkAdvertise(given []netip.Addr, e *engine, hidden bool) error {
	if hidden && len(given) == 0 && e != nil && e.absent == nil {
		return errAdvertise
	}
	return nil
}
