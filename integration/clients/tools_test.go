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

// prints is a query tool: commands that are run for each look, with NAME replaced.
func prints(commands ...string) func(t *testing.T) look {
	return func(*testing.T) look {
		return func(ctx context.Context, name string) (found []string, err error) {
			for _, command := range commands {
				words := strings.Fields(strings.ReplaceAll(command, "NAME", name))
				cmd := exec.CommandContext(ctx, words[0], words[1:]...)
				cmd.WaitDelay = time.Second
				out, err := cmd.CombinedOutput()
				if err != nil {
					return nil, fmt.Errorf("%v: %w\n%s", cmd, err, out)
				}
				addrs, err := printed(string(out))
				if err != nil {
					return nil, err
				}
				found = append(found, addrs...)
			}
			return found, nil
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

// addressesIn are the words that are addresses.
func addressesIn(out string) (found []string) {
	for word := range strings.FieldsSeq(out) {
		if net.ParseIP(word) != nil {
			found = append(found, word)
		}
	}
	return found
}
