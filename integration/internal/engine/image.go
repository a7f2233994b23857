package engine

import (
	"archive/tar"
	"fmt"
	"os"
	"os/exec"
)

// WriteImage writes the file that Import makes an image from: busybox and the program
// peer, as bin/peer.
func WriteImage(file, peer string) error {
	busybox, err := exec.LookPath("busybox")
	if err != nil {
		return fmt.Errorf("%w: install busybox-static", err)
	}
	f, err := os.Create(file)
	if err != nil {
		return err
	}
	defer f.Close()
	w := tar.NewWriter(f)
	for name, from := range map[string]string{"bin/busybox": busybox, "bin/peer": peer} {
		data, err := os.ReadFile(from)
		if err != nil {
			return err
		}
		w.WriteHeader(&tar.Header{Name: name, Mode: 0o755, Size: int64(len(data))})
		w.Write(data)
	}
	for _, applet := range []string{"sh", "sleep", "nslookup", "touch", "rm", "test", "cat"} {
		w.WriteHeader(&tar.Header{Typeflag: tar.TypeSymlink, Name: "bin/" + applet, Linkname: "busybox", Mode: 0o777})
	}
	w.WriteHeader(&tar.Header{Typeflag: tar.TypeDir, Name: "tmp/", Mode: 0o1777})
	return w.Close()
}

// Import gives the engine at host ("" is that of the environment) an image from the
// file that WriteImage wrote.
func Import(host, file, image string) error {
	cmd := exec.Command("docker", "import", "--change", "ENV PATH=/bin", file, image)
	cmd.Env = os.Environ()
	if host != "" {
		cmd.Env = append(cmd.Env, "DOCKER_HOST="+host)
	}
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("import the image of the tests: %w: a Docker engine must run, as `make test` sees to\n%s", err, out)
	}
	return nil
}
