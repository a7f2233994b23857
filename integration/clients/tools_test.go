//go:build conformance

package clients

import (
	"context"
	"fmt"
	"net"
	"os/exec"
	"regexp"
	"strings"
	"testing"
	"time"
)

// prints is a query tool, run for each look: the addresses are the last words of what
// it prints.
func prints(command ...string) func(t *testing.T) look {
	return func(*testing.T) look {
		return func(ctx context.Context) ([]string, error) {
			cmd := exec.CommandContext(ctx, command[0], command[1:]...)
			cmd.WaitDelay = time.Second
			out, err := cmd.CombinedOutput()
			if err != nil {
				return nil, fmt.Errorf("%v: %w\n%s", cmd, err, out)
			}
			return printed(string(out))
		}
	}
}

// verdict is what tools say of an answer, and what they may.
var verdict = regexp.MustCompile(`status: (\w+)|resolution failed: (.*)`)
var may = regexp.MustCompile(`: (NOERROR|NXDOMAIN|ncache nxdomain|ncache nxrrset)$`)

func printed(out string) ([]string, error) {
	for _, v := range verdict.FindAllString(out, -1) {
		if !may.MatchString(v) {
			return nil, fmt.Errorf("it says %q:\n%s", v, out)
		}
	}
	return addressesIn(out), nil
}

// addressesIn are those at the ends of lines.
func addressesIn(out string) (found []string) {
	for line := range strings.Lines(out) {
		words := strings.Fields(line)
		if n := len(words); n > 0 && net.ParseIP(words[n-1]) != nil {
			found = append(found, words[n-1])
		}
	}
	return found
}
