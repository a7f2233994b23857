package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"strings"
	"syscall"

	"github.com/urfave/cli/v2"
)

func serveCommand(p *process) *cli.Command {
	return &cli.Command{
		Name:  "serve",
		Usage: "answer DNS for what is up",
		Description: "Each flag can also be given as the environment variable named in brackets, or as a\n" +
			"key of the same name in the file of --config; a flag wins over a variable, and a\n" +
			"variable over the file.",
		Flags: serveSettings.flags(),
		Action: func(c *cli.Context) error {
			if c.Args().Present() {
				return usagef("serve takes no arguments, but got %q", c.Args().First())
			}
			cfg, err := serveSettings.load(c, p)
			if err != nil {
				return &exitError{exitUsage, err}
			}
			log := cfg.logger(p)
			ctx, stop := untilSignal(context.Background(), log)
			defer stop()
			return serve(ctx, cfg, log, p)
		},
	}
}

// serve runs a server until ctx is done.
func serve(ctx context.Context, cfg *Config, log *slog.Logger, p *process) error {
	from, err := inherit(ctx, cfg, log)
	if err != nil {
		return err
	}
	if cfg.DataDir != "" {
		keepTo(startPercent)
	}
	s, err := newServer(ctx, cfg, from, log)
	if err != nil {
		return err
	}
	if left := from.sockets.Left(); len(left) > 0 {
		log.Warn("sockets are not used: no setting has their addresses", "sockets", left)
	}
	s.above = findSupervisor()
	printHints(p.stdout, p.args[0], s)
	if err := s.run(ctx); err != nil {
		return err
	}
	log.Info("stopped")
	return nil
}

// untilSignal is done when the process is told to stop. Told so again before the
// returned function is called, the process exits at once.
func untilSignal(ctx context.Context, log *slog.Logger) (context.Context, func()) {
	ctx, cancel := context.WithCancel(ctx)
	signals := make(chan os.Signal, 2)
	signal.Notify(signals, os.Interrupt, syscall.SIGTERM)
	over := make(chan struct{})
	go func() {
		for n := 0; ; n++ {
			select {
			case sig := <-signals:
				if n > 0 {
					log.Warn("exiting at once", "signal", sig.String())
					os.Exit(exitFailure)
				}
				log.Info("stopping; a second signal exits at once", "signal", sig.String())
				cancel()
			case <-over:
				return
			}
		}
	}()
	return ctx, func() {
		signal.Stop(signals)
		cancel()
		close(over)
	}
}

// printHints prints three commands that work when pasted while the server runs.
func printHints(w io.Writer, program string, s *server) {
	dns, http := local(s.dnsAddr()), local(s.httpAddr())
	domain := strings.TrimSuffix(s.cfg.Domains[0].String(), ".")
	fmt.Fprintf(w, `Try, in another terminal:
  curl -X PUT http://%s/v1/services/hello/instances/one -d '{"ports":[{"number":8080}],"lease":"10m"}'
  dig @%s -p %d +noall +answer hello.%s SRV
  %s lookup --server %s hello.%s
`, http, dns.Addr(), dns.Port(), domain, program, dns, domain)
}
