package program

import (
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/rollcall-dns/rollcall/client"
)

// passed are the signals that a program gets too. The others are about this process
// itself: its children, its pipes, and its own goroutines.
var passed = []os.Signal{
	syscall.SIGTERM, syscall.SIGINT, syscall.SIGQUIT, syscall.SIGHUP, syscall.SIGUSR1, syscall.SIGUSR2,
}

// passedAlone are those that a terminal would send to the program as well, if there
// were one.
var passedAlone = []os.Signal{
	syscall.SIGWINCH, syscall.SIGCONT, syscall.SIGTSTP, syscall.SIGTTIN, syscall.SIGTTOU,
}

// fall is how many failed checks in a row make a program down.
const fall = 3

// Options say how a program is registered and stopped.
type Options struct {
	Servers      []string // as in client.Options
	Registration client.Registration
	Check        Check         // completed
	Interval     time.Duration // between two checks; more than 0
	Drain        time.Duration // from draining to the signal that stops it
	StopTimeout  time.Duration // from there to SIGKILL; 0: never
	Logger       *slog.Logger
}

// Run starts args[0] with the rest as its arguments, keeps it registered while its
// check passes, and waits for its end. The registration is removed when Run returns.
//
// SIGTERM and SIGINT make the program draining before it gets them; a second one
// stops the waiting. At a terminal Ctrl-C reaches the program by itself, at once. Run
// takes the signals of the whole process while it lasts, and waits for all of its
// children: nothing else may start any.
//
// The exit code is that of the program, or 128 and the number of the signal that
// ended it. An error is a *StartError, what is wrong with the options, or the
// server's verdict on the registration, after which the program was stopped.
func Run(o Options, args []string) (exitCode int, err error) {
	inst, err := client.New(client.Options{Servers: o.Servers, Logger: o.Logger}, o.Registration)
	if err != nil {
		return 0, err
	}
	signals := make(chan os.Signal, 16)
	alone := !terminal(os.Stdin)
	signal.Notify(signals, passed...)
	if alone {
		signal.Notify(signals, passedAlone...)
	}
	defer signal.Stop(signals)
	c, err := startChild(args, alone, append(os.Environ(),
		"ROLLCALL_SERVICE="+o.Registration.Service, "ROLLCALL_INSTANCE_ID="+inst.ID()))
	if err != nil {
		return 0, err
	}
	ctx, cancel := context.WithCancel(context.Background())
	r := &runner{Options: o, child: c, inst: inst, signals: signals, giveUp: cancel}
	var kept sync.WaitGroup
	refused := make(chan error, 1)
	kept.Go(func() { r.keep(ctx, refused) })
	exitCode, err = r.follow(refused)
	cancel()
	kept.Wait()
	return exitCode, err
}

// runner is a program and its registration.
type runner struct {
	Options
	child   *child
	inst    *client.Instance
	signals chan os.Signal
	giveUp  func() // ends the registration, or what would become one

	mu       sync.Mutex // guards the field below
	draining bool       // whatever its check says
}

// follow waits for the end of the program, and does what signals ask for.
func (r *runner) follow(refused <-chan error) (code int, refusal error) {
	var drained, overdue <-chan time.Time
	var stopBy os.Signal
	stop := func() {
		drained = nil
		r.child.signal(stopBy)
		if r.StopTimeout > 0 && overdue == nil {
			overdue = time.After(r.StopTimeout)
		}
	}
	for {
		select {
		case code := <-r.child.ended:
			return code, refusal
		case s := <-r.signals:
			switch {
			case !r.child.group && (s == os.Interrupt || s == syscall.SIGQUIT):
				r.drain() // the terminal has told the program too
			case s != syscall.SIGTERM && s != os.Interrupt:
				r.child.signal(s)
			case stopBy == nil && r.drain():
				stopBy, drained = s, time.After(r.Drain)
				r.Logger.Info("draining; a second signal stops at once", "signal", s.String(), "for", r.Drain)
			default:
				stopBy = s
				stop()
			}
		case <-drained:
			stop()
		case <-overdue:
			r.Logger.Warn("the program has not stopped in time: killing it", "after", r.StopTimeout)
			r.child.kill()
		case refusal = <-refused:
			stopBy = syscall.SIGTERM
			stop()
		}
	}
}

// drain makes the instance draining if it is registered; else it will not be.
func (r *runner) drain() bool {
	select {
	case <-r.inst.Registered():
	default:
		r.giveUp()
		return false
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.draining = true
	r.inst.SetState(client.Draining)
	return true
}

// keep registers the program when its check has passed, until ctx is done, and then
// removes the registration.
func (r *runner) keep(ctx context.Context, refused chan<- error) {
	if !r.passes(ctx) {
		return
	}
	var checks sync.WaitGroup
	defer checks.Wait()
	inner, cancel := context.WithCancel(ctx)
	defer cancel()
	checks.Go(func() { r.watch(inner) })
	if err := r.inst.Run(ctx); err != nil {
		refused <- fmt.Errorf("%w; the program is stopped", err)
	}
}

// passes waits for the first check to pass. A program that starts is asked often.
func (r *runner) passes(ctx context.Context) bool {
	for n := 1; ; n++ {
		err := r.Check.try(ctx)
		if err == nil {
			return true
		}
		if n%50 == 0 {
			r.Logger.Info("not registered yet: its check does not pass", "reason", err)
		}
		if !wait(ctx, min(r.Interval, time.Duration(n)*50*time.Millisecond)) {
			return false
		}
	}
}

// watch tells the server how the checks go.
func (r *runner) watch(ctx context.Context) {
	if r.Check.kind == "none" {
		return
	}
	for failed := 0; wait(ctx, r.Interval); {
		switch err := r.Check.try(ctx); {
		case ctx.Err() != nil:
			return
		case err == nil:
			if failed >= fall {
				r.Logger.Info("the check passes again")
				r.setState(client.Up)
			}
			failed = 0
		default:
			if failed++; failed == fall {
				r.Logger.Warn("the check has failed: the program is not answered for", "times", fall, "reason", err)
				r.setState(client.Down)
			}
		}
	}
}

func (r *runner) setState(s client.State) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if !r.draining {
		r.inst.SetState(s)
	}
}

// wait reports whether d has passed before the end of ctx.
func wait(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
