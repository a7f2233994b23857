package pinned

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"time"
)

// Hold holds a process to a share of one core: in each period it runs for that much of
// it, and then waits for the next. It needs control groups that this process may make.
// Release ends that after the process.
func (p *Process) Hold(share float64, period time.Duration) (release func(), err error) {
	quota := time.Duration(share * float64(period)).Microseconds()
	v1 := []string{"cpu.cfs_period_us", fmt.Sprint(period.Microseconds()), "cpu.cfs_quota_us", fmt.Sprint(quota)}
	v2 := []string{"cpu.max", fmt.Sprintf("%d %d", quota, period.Microseconds())}
	release, err1 := p.group("/sys/fs/cgroup/cpu", v1)
	if err1 == nil {
		return release, nil
	}
	release, err2 := p.group("/sys/fs/cgroup", v2)
	if err2 == nil {
		return release, nil
	}
	return nil, fmt.Errorf("hold %s to a share of a core: %w", p.name, errors.Join(err1, err2))
}

// group makes a control group below root, with what is to be written into its files, and
// puts the process there.
func (p *Process) group(root string, files []string) (release func(), err error) {
	dir := filepath.Join(root, "rollcall-bench-"+strconv.Itoa(os.Getpid()))
	if err := os.Mkdir(dir, 0o755); err != nil {
		return nil, err
	}
	files = append(files, "cgroup.procs", strconv.Itoa(p.PID()))
	for i := 0; i < len(files); i += 2 {
		// Without O_CREATE: a file that the kernel does not know is an error.
		f, err := os.OpenFile(filepath.Join(dir, files[i]), os.O_WRONLY, 0)
		if err == nil {
			_, err = f.WriteString(files[i+1])
			err = errors.Join(err, f.Close())
		}
		if err != nil {
			os.Remove(dir)
			return nil, err
		}
	}
	return func() { os.Remove(dir) }, nil
}
