package main

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	"github.com/urfave/cli/v2"

	"github.com/rollcall-dns/rollcall/install"
)

const installHelp = `Has the programs of this host, and its containers, ask rollcall: by a drop-in file
for systemd-resolved or dnsmasq, or else by /etc/resolv.conf; and by dns in
/etc/docker/daemon.json. Each file is replaced at once, and what it was is kept in
/var/lib/rollcall/install.json. Nothing is started or restarted: what is to be done
then is printed.`

func installCommand(p *process) *cli.Command {
	return &cli.Command{
		Name:        "install",
		Usage:       "have this host and its containers ask rollcall",
		Description: installHelp,
		Flags: append([]cli.Flag{
			&cli.BoolFlag{Name: "dry-run", Usage: "show the difference, and change nothing"},
			&cli.BoolFlag{Name: "apply", Usage: "show the difference, and make it"},
			&cli.BoolFlag{Name: "undo", Usage: "bring back what was there before; with --dry-run, show it"},
			&cli.BoolFlag{Name: "force", Usage: "with --undo: lose what others have changed since"},
			&cli.StringFlag{Name: "root", Usage: "work on the files in `DIR` in place of /"},
			&cli.StringFlag{Name: "resolver", DefaultText: string(install.Auto),
				Usage: "`HOW` the host resolves names: auto, systemd-resolved, dnsmasq, resolv.conf, or off to leave it alone"},
			&cli.StringFlag{Name: "server", DefaultText: "127.0.0.1:8053, for resolv.conf 127.0.0.1:53",
				Usage: "`ADDR:PORT` at which the host reaches rollcall"},
			&cli.StringFlag{Name: "docker-dns", DefaultText: "the address of the default bridge, if there is an engine",
				Usage: "`ADDR` at which containers reach rollcall, at port 53; off leaves the engine alone"},
		}, serveSettings.flags("domain")...),
		Action: func(c *cli.Context) error { return runInstall(c, p) },
	}
}

func runInstall(c *cli.Context, p *process) error {
	plan, err := planOf(c, p)
	if err != nil {
		return err
	}
	fmt.Fprint(p.stdout, plan.Diff())
	if plan.Empty() {
		fmt.Fprintln(p.stdout, "nothing to change")
	}
	if !c.Bool("dry-run") {
		if err := plan.Do(); err != nil {
			return err
		}
	}
	if next := plan.Next(); len(next) > 0 {
		fmt.Fprintf(p.stdout, "\nThen:\n  %s\n", strings.Join(next, "\n  "))
	}
	return nil
}

// planOf finds out what is to be done.
func planOf(c *cli.Context, p *process) (*install.Plan, error) {
	undo, apply, dry := c.Bool("undo"), c.Bool("apply"), c.Bool("dry-run")
	switch {
	case c.Args().Present():
		return nil, usagef("install takes no arguments, but got %q", c.Args().First())
	case !undo && !apply && !dry, apply && (undo || dry):
		return nil, usagef("say one of --dry-run, --apply and --undo: see rollcall install --help")
	case c.Bool("force") && !undo:
		return nil, usagef("--force goes with --undo")
	case undo:
		return install.PrepareUndo(c.String("root"), c.Bool("force"))
	}
	o, err := installOptions(c, p)
	if err != nil {
		return nil, &exitError{exitUsage, err}
	}
	return install.Prepare(o)
}

func installOptions(c *cli.Context, p *process) (o install.Options, err error) {
	cfg, err := serveSettings.load(c, p, "domain")
	if err != nil {
		return o, err
	}
	for _, d := range cfg.Domains {
		o.Domains = append(o.Domains, strings.TrimSuffix(d.String(), "."))
	}
	o.Root, o.Resolver = c.String("root"), install.Resolver(c.String("resolver"))
	if o.Resolver != "" && !slices.Contains(install.Resolvers, o.Resolver) {
		return o, fmt.Errorf("--resolver %q must be one of %q", o.Resolver, install.Resolvers)
	}
	if s := c.String("server"); s != "" {
		if o.Server, err = addrWithPort(s); err != nil || !isHost(o.Server.Addr()) || o.Server.Port() == 0 {
			return o, fmt.Errorf("--server %q must be an address such as 127.0.0.1 or 127.0.0.1:8053", s)
		}
	}
	if s := c.String("docker-dns"); s == "off" {
		o.Engine.Off = true
	} else if s != "" {
		if o.Engine.Addr, err = netip.ParseAddr(s); err != nil || !isHost(o.Engine.Addr) || o.Engine.Addr.IsLoopback() || o.Engine.Addr.Zone() != "" {
			return o, fmt.Errorf("--docker-dns %q must be off or an address that containers reach, so no loopback one", s)
		}
	}
	return o, nil
}

// addrWithPort reads an address; without a port it is that of DNS.
func addrWithPort(s string) (netip.AddrPort, error) {
	if a, err := netip.ParseAddr(s); err == nil {
		return netip.AddrPortFrom(a, 53), nil
	}
	return netip.ParseAddrPort(s)
}

// isHost reports whether an address is that of one host, and so can be asked.
func isHost(a netip.Addr) bool { return !a.IsUnspecified() && !a.IsMulticast() }
