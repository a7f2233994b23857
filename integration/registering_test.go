package integration

import (
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"
	"time"
)

// TestRegisteringExamplesKeepAServiceRegistered runs each program of
// docs/registering.md: it hears that it is unknown, registers, and leaves when it is
// stopped.
func TestRegisteringExamplesKeepAServiceRegistered(t *testing.T) {
	bin, s := startServer(t)
	text, err := os.ReadFile("../docs/registering.md")
	if err != nil {
		t.Fatal(err)
	}
	examples := regexp.MustCompile("(?ms)^```(sh|python|js)\n(.*?)^```$").FindAllStringSubmatch(string(text), -1)
	if len(examples) != 4 {
		t.Fatalf("found %d examples", len(examples))
	}
	with := map[string]string{"sh": "bash", "python": "python3", "js": "node"}
	for i, e := range examples {
		t.Run(fmt.Sprint(i+1, " ", e[1]), func(t *testing.T) {
			service, port := fmt.Sprintf("example%d", i+1), fmt.Sprint(29411+i)
			program := filepath.Join(t.TempDir(), "example."+e[1])
			if err := os.WriteFile(program, []byte(e[2]), 0o600); err != nil {
				t.Fatal(err)
			}
			said, err := os.Create(program + ".log")
			if err != nil {
				t.Fatal(err)
			}
			defer said.Close()
			cmd := exec.Command(with[e[1]], program, service, port)
			cmd.Env = append(os.Environ(), "ROLLCALL=http://"+s.HTTP, "PATH="+bin+":"+os.Getenv("PATH"))
			cmd.Stdout, cmd.Stderr = said, said
			if err := cmd.Start(); err != nil {
				t.Fatalf("%v: install %s", err, with[e[1]])
			}
			ended := make(chan struct{})
			go func() { cmd.Wait(); close(ended) }()
			defer func() {
				cmd.Process.Kill()
				<-ended
				log, _ := os.ReadFile(said.Name())
				t.Logf("it said: %s", log)
			}()
			url := "http://" + s.HTTP + "/v1/services/" + service
			instance := waitForStatus(t, url, http.StatusOK)
			if !strings.Contains(instance, `"number":`+port) {
				t.Errorf("registered as %s", instance)
			}
			cmd.Process.Signal(syscall.SIGTERM)
			waitForStatus(t, url, http.StatusNotFound)
			select {
			case <-ended:
			case <-time.After(10 * time.Second):
				t.Error("it does not end")
			}
		})
	}
}

// waitForStatus gives the body of the first answer with this status.
func waitForStatus(t *testing.T, url string, status int) string {
	t.Helper()
	var last string
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(20 * time.Millisecond) {
		resp, err := http.Get(url)
		if err != nil {
			t.Fatal(err)
		}
		body, _ := io.ReadAll(resp.Body)
		resp.Body.Close()
		if resp.StatusCode == status {
			return string(body)
		}
		last = resp.Status
	}
	t.Fatalf("GET %s is answered with %s, not %d", url, last, status)
	return ""
}
