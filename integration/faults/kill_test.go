package faults

import (
	"bytes"
	"encoding/json"
	"flag"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/rollcall-dns/rollcall/integration/internal/rollcall"
)

var kills = flag.Int("kills", 25, "how often the program is killed")

// What a client knows of one of its registrations.
const (
	absent  = iota // the server said so, or it was never made
	present        // the server said so
	unknown        // the server was killed before it could answer
)

// client registers and removes instances of its own, one request at a time, and
// remembers what was answered.
type client struct {
	http *http.Client
	id   string
	know []int
}

// churn goes on until the server is gone.
func (c *client) churn(server string, r *rand.Rand) {
	for {
		i := r.IntN(len(c.know))
		url := fmt.Sprintf("http://%s/v1/services/churn/instances/%s-%d", server, c.id, i)
		before := c.know[i]
		c.know[i] = unknown
		if before == absent || before == unknown && r.IntN(2) == 0 {
			if !c.send(http.MethodPut, url, `{"addresses":["192.0.2.1"],"lease":"1h"}`, 200, 201) {
				return
			}
			c.know[i] = present
			continue
		}
		if !c.send(http.MethodDelete, url, "", 204, 404) {
			return
		}
		c.know[i] = absent
	}
}

func (c *client) send(method, url, body string, good ...int) bool {
	req, err := http.NewRequest(method, url, bytes.NewReader([]byte(body)))
	if err != nil {
		return false
	}
	resp, err := c.http.Do(req)
	if err != nil {
		return false
	}
	resp.Body.Close()
	for _, g := range good {
		if resp.StatusCode == g {
			return true
		}
	}
	return false
}

// TestKilledServerForgetsNothing kills the program during churn, and starts it again
// on the same directory: what it has confirmed is there, what it has confirmed to be
// gone is not.
func TestKilledServerForgetsNothing(t *testing.T) {
	program, dir := program(t), t.TempDir()
	seed := uint64(time.Now().UnixNano())
	t.Logf("seed %d", seed)
	clients := make([]*client, 8)
	for i := range clients {
		transport := &http.Transport{}
		defer transport.CloseIdleConnections()
		clients[i] = &client{http: &http.Client{Transport: transport, Timeout: 10 * time.Second}, id: fmt.Sprint("c", i), know: make([]int, 40)}
	}
	confirmed, wrong := 0, 0
	for n := range *kills {
		s, err := rollcall.Start(exec.Command(program, "serve",
			"--docker", "off", "--dns", "127.0.0.1:0", "--http", "127.0.0.1:0", "--data-dir", filepath.Join(dir, "data")))
		if err != nil {
			t.Fatalf("start %d: %v", n+1, err)
		}
		if err := s.WaitReady(); err != nil {
			t.Fatalf("start %d: %v\n%s", n+1, err, s.Log())
		}
		there := listing(t, s.HTTP)
		for _, c := range clients {
			for i, know := range c.know {
				id := fmt.Sprintf("%s-%d", c.id, i)
				if know != unknown {
					confirmed++
				}
				if know == present && !there[id] || know == absent && there[id] {
					wrong++
					t.Errorf("after kill %d: %s is there: %t, but the server had confirmed the opposite", n, id, there[id])
				}
				if know == unknown && there[id] {
					c.know[i] = present
				} else if know == unknown {
					c.know[i] = absent
				}
			}
		}
		if wrong > 0 {
			t.Fatalf("the server's log:\n%s", s.Log())
		}
		var churning sync.WaitGroup
		for i, c := range clients {
			churning.Go(func() { c.churn(s.HTTP, rand.New(rand.NewPCG(seed, uint64(n*len(clients)+i)))) })
		}
		time.Sleep(rand.N(100 * time.Millisecond))
		s.Stop(syscall.SIGKILL)
		churning.Wait()
		if strings.Contains(s.Log(), "DATA RACE") {
			t.Fatalf("the server has a race:\n%s", s.Log())
		}
	}
	t.Logf("killed %d times; %d confirmed states looked up afterwards, %d wrong", *kills, confirmed, wrong)
	if info, err := os.Stat(filepath.Join(dir, "data")); err != nil || !info.IsDir() {
		t.Errorf("the data directory is %v, %v", info, err)
	}
}

// listing gives the IDs of all instances.
func listing(t *testing.T, server string) map[string]bool {
	t.Helper()
	resp, err := http.Get("http://" + server + "/v1/services/churn")
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	var list struct {
		Instances []struct{ Instance struct{ ID string } }
	}
	if err := json.NewDecoder(resp.Body).Decode(&list); err != nil {
		t.Fatal(err)
	}
	ids := map[string]bool{}
	for _, i := range list.Instances {
		ids[i.Instance.ID] = true
	}
	return ids
}
