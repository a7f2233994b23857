package integration

import (
	"fmt"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/rollcall-dns/rollcall/integration/internal/engine"
	"github.com/rollcall-dns/rollcall/integration/internal/rollcall"
)

// runID marks what this run makes on the engine, which others may use as well.
var runID = fmt.Sprintf("rc%06x", rand.N(1<<24))

// image is what the containers of the tests run: busybox and peer.
var image = "rollcall-test:" + runID

// shipped is the image of the program itself, once shippedImage has made it.
var shipped = "rollcall-shipped:" + runID

// shared is the directory of what is built once for all tests.
var shared string

func TestMain(m *testing.M) {
	os.Exit(runTests(m))
}

func runTests(m *testing.M) int {
	var err error
	if shared, err = os.MkdirTemp("", "rollcall-test"); err != nil {
		panic(err)
	}
	defer os.RemoveAll(shared)
	defer sweep()
	return m.Run()
}

// sweep removes what tests that were cut short left on the engine.
func sweep() {
	if _, err := os.Stat(filepath.Join(shared, "image.tar")); err != nil {
		return
	}
	removeLabelled(runID)
	exec.Command("docker", "rmi", "--force", image, shipped).Run()
}

// removeLabelled removes the containers and networks with the label.
func removeLabelled(label string) {
	const each = `ids=$(docker %s --quiet --filter label=%s) && [ -z "$ids" ] || docker %s $ids`
	for _, cmd := range []string{
		fmt.Sprintf(each, "ps --all", label, "rm --force --volumes"),
		fmt.Sprintf(each, "network ls", label, "network rm"),
	} {
		exec.Command("sh", "-c", cmd).Run()
	}
}

// binaries builds the programs once, and gives the directory that holds them.
var binaries = sync.OnceValues(func() (string, error) {
	dir := filepath.Join(shared, "bin")
	return dir, rollcall.Build(dir, "integration/peer")
})

// imageTar is the file that `docker import` makes the image from.
var imageTar = sync.OnceValues(func() (string, error) {
	bin, err := binaries()
	if err != nil {
		return "", err
	}
	file := filepath.Join(shared, "image.tar")
	return file, engine.WriteImage(file, filepath.Join(bin, "peer"))
})

// importImage gives the engine at host ("" is that of the environment) the image.
func importImage(host string) error {
	file, err := imageTar()
	if err != nil {
		return err
	}
	return engine.Import(host, file, image)
}

// localImage imports the image into the engine of the environment, once.
var localImage = sync.OnceValue(func() error { return importImage("") })

// shippedImage builds the image of the program as users do, once.
var shippedImage = sync.OnceValue(func() error {
	if out, err := exec.Command("make", "-C", "..", "image", "IMAGE="+shipped).CombinedOutput(); err != nil {
		return fmt.Errorf("make image: %w\n%s", err, out)
	}
	return nil
})
