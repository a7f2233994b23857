// Command peer is what runs in the containers of the tests.
//
//	peer serve ADDR…         accepts TCP connections and answers each with a greeting
//	peer greet SERVER NAME   asks SERVER for the SRV records of NAME, connects to
//	                         each IPv4 address and port, and prints the greetings;
//	                         the networks of the tests have no IPv6
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"net"
	"net/netip"
	"os"
	"os/signal"
	"strings"
	"syscall"
	"time"
)

func main() {
	log.SetFlags(0)
	switch {
	case len(os.Args) > 2 && os.Args[1] == "serve":
		serve(os.Args[2:])
	case len(os.Args) == 4 && os.Args[1] == "greet":
		greet(os.Args[2], os.Args[3])
	default:
		log.Fatal("usage: peer serve ADDR… | peer greet SERVER NAME")
	}
}

// serve ends with exit code 0 on SIGTERM, which the first process of a container
// would otherwise not notice.
func serve(addrs []string) {
	host, err := os.Hostname()
	if err != nil {
		log.Fatal(err)
	}
	for _, addr := range addrs {
		l, err := net.Listen("tcp", addr)
		if err != nil {
			log.Fatal(err)
		}
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					log.Fatal(err)
				}
				fmt.Fprintf(c, "hello from %s\n", host)
				c.Close()
			}
		}()
	}
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM)
	defer stop()
	<-ctx.Done()
}

func greet(server, name string) {
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	r := &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, network, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, network, server)
	}}
	_, srvs, err := r.LookupSRV(ctx, "", "", name)
	if err != nil {
		log.Fatal(err)
	}
	for _, srv := range srvs {
		addrs, err := r.LookupNetIP(ctx, "ip", srv.Target)
		if err != nil {
			log.Fatal(err)
		}
		for _, addr := range addrs {
			if addr = addr.Unmap(); addr.Is4() {
				connect(ctx, netip.AddrPortFrom(addr, srv.Port).String())
			}
		}
	}
}

func connect(ctx context.Context, addr string) {
	c, err := new(net.Dialer).DialContext(ctx, "tcp", addr)
	if err != nil {
		log.Fatal(err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(5 * time.Second))
	greeting, err := io.ReadAll(c)
	if err != nil {
		log.Fatal(err)
	}
	fmt.Println(addr, strings.TrimSpace(string(greeting)))
}
