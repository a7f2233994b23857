package main

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/urfave/cli/v2"
)

func cacheCommand(p *process) *cli.Command {
	below := &cli.BoolFlag{Name: "below", Usage: "also what is below NAME"}
	sub := func(name, usage string, do func(*process, *url.URL) error) *cli.Command {
		return &cli.Command{
			Name: name, Usage: usage, ArgsUsage: "[NAME]", OnUsageError: usageError, HideHelpCommand: true,
			Flags: append([]cli.Flag{below}, serveSettings.flags("http")...),
			Action: func(c *cli.Context) error {
				u, err := cacheURL(c, p)
				if err != nil {
					return err
				}
				return do(p, u)
			},
		}
	}
	return &cli.Command{
		Name:  "cache",
		Usage: "show or forget what a running server remembers of names of others",
		Subcommands: []*cli.Command{
			sub("show", "show the answers about NAME, or without one how full the cache is", showCache),
			sub("flush", "forget the answers about NAME, or without one all", flushCache),
		},
		Action: func(c *cli.Context) error { return usagef("cache takes show or flush: see rollcall cache --help") },
	}
}

// cacheURL is what the arguments ask a server about.
func cacheURL(c *cli.Context, p *process) (*url.URL, error) {
	if c.NArg() > 1 {
		return nil, usagef("cache %s takes one NAME, behind the flags, but got %q", c.Command.Name, c.Args().Slice())
	}
	if c.Bool("below") && c.NArg() == 0 {
		return nil, usagef("--below must come with a NAME")
	}
	cfg, err := serveSettings.load(c, p, "http")
	if err != nil {
		return nil, &exitError{exitUsage, err}
	}
	u := &url.URL{Scheme: "http", Host: local(cfg.HTTP).String(), Path: "/v1/cache"}
	if c.NArg() == 1 {
		q := url.Values{"name": {c.Args().First()}}
		if c.Bool("below") {
			q.Set("below", "true")
		}
		u.RawQuery = q.Encode()
	}
	return u, nil
}

// showCache prints the answers about a name, or the numbers of the whole.
func showCache(p *process, u *url.URL) error {
	if u.RawQuery == "" {
		var numbers struct{ Answers, Bytes, Limit, Hits, Misses, Stale, Renewed, Evicted uint64 }
		if err := askCache(http.MethodGet, u, &numbers); err != nil {
			return err
		}
		tw := tabwriter.NewWriter(p.stdout, 0, 0, 2, ' ', 0)
		n := numbers
		fmt.Fprintf(tw, "answers\t%d\nbytes\t%d of %d\nhits\t%d\nmisses\t%d\nstale\t%d\nrenewed\t%d\nevicted\t%d\n",
			n.Answers, n.Bytes, n.Limit, n.Hits, n.Misses, n.Stale, n.Renewed, n.Evicted)
		return tw.Flush()
	}
	var list struct {
		Answers []struct {
			Name, Type, Code, Left string
			DNSSEC, Unchecked      bool
			Records                []string
		}
		More bool
	}
	if err := askCache(http.MethodGet, u, &list); err != nil {
		return err
	}
	for _, a := range list.Answers {
		fmt.Fprintf(p.stdout, ";; %s %s%s%s: %s, for %s\n", a.Name, a.Type, mark(a.DNSSEC, " +dnssec"), mark(a.Unchecked, " +cdflag"), a.Code, a.Left)
		for _, r := range a.Records {
			fmt.Fprintln(p.stdout, r)
		}
	}
	fmt.Fprint(p.stdout, mark(len(list.Answers) == 0, "nothing is remembered of it\n"), mark(list.More, ";; and more\n"))
	return nil
}

func mark(on bool, s string) string {
	if on {
		return s
	}
	return ""
}

// flushCache has answers forgotten, and prints how many.
func flushCache(p *process, u *url.URL) error {
	var done struct{ Removed int }
	if err := askCache(http.MethodDelete, u, &done); err != nil {
		return err
	}
	_, err := fmt.Fprintf(p.stdout, "%d answers forgotten\n", done.Removed)
	return err
}

// askCache makes a request to a server, and reads what it says into v.
func askCache(method string, u *url.URL, v any) error {
	req, err := http.NewRequest(method, u.String(), nil)
	if err != nil {
		return err
	}
	resp, err := asking(10 * time.Second).Do(req)
	if err != nil {
		return fmt.Errorf("ask about the cache: %w%s", err, nobodyThere(err, "http"))
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, 64<<20))
	if err == nil && resp.StatusCode != http.StatusOK {
		return fmt.Errorf("ask %s about the cache: %s", u.Host, reasonOf(resp.Status, body))
	}
	if err == nil {
		err = json.Unmarshal(body, v)
	}
	if err != nil {
		return fmt.Errorf("ask %s about the cache: %w", u.Host, err)
	}
	return nil
}

// reasonOf is what a refusal says (RFC 9457), or what there is of one.
func reasonOf(status string, body []byte) string {
	var problem struct{ Detail string }
	if json.Unmarshal(body, &problem) == nil && problem.Detail != "" {
		return problem.Detail
	}
	return status + ": " + strings.TrimSpace(string(body))
}
