package client_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/rollcall-dns/rollcall/client"
	"github.com/rollcall-dns/rollcall/zone"
)

func TestCheckIsRegistered(t *testing.T) {
	s := newServer(t)
	whole := client.Check{
		Kind: "https", Target: "/health", Method: "HEAD", Host: "shop.example", Verify: true, Port: "http",
		Interval: 5 * time.Second, Timeout: time.Second, Rise: 2, Fall: 4, Initial: client.Up,
	}
	tests := []struct {
		name  string
		check client.Check
		want  zone.Check
	}{
		{"defaults", client.Check{Kind: "grpc"}, zone.Check{Kind: zone.CheckGRPC, Interval: 10 * time.Second, Timeout: 2 * time.Second, Rise: 1, Fall: 3}},
		{"TCP", client.Check{Kind: "tcp", Port: "9000"}, zone.Check{Kind: zone.CheckTCP, Port: "9000", Interval: 10 * time.Second, Timeout: 2 * time.Second, Rise: 1, Fall: 3}},
		{"whole", whole, zone.Check{
			Kind: zone.CheckHTTPS, Target: "/health", Method: "HEAD", Host: "shop.example", Verify: true, Port: "http",
			Interval: 5 * time.Second, Timeout: time.Second, Rise: 2, Fall: 4, Initial: zone.Up,
		}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			r := web
			r.Check, r.Fallback = tt.check, client.FallbackLast
			inst, stop := run(t, client.Options{Servers: []string{s.url}}, r)
			<-inst.Registered()
			in, ok := s.zone.Snapshot().Instance(zone.Key{Source: "selfreg", ID: "web/one"})
			if !ok || len(in.Checks) != 1 || in.Checks[0] != tt.want {
				t.Errorf("registered as %+v, want the check %+v", in, tt.want)
			}
			if ok && in.Fallback != zone.FallbackLast {
				t.Errorf("fallback %s, want last", in.Fallback)
			}
			if err := stop(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestWrongCheckIsRefused(t *testing.T) {
	s := newServer(t)
	r := web
	r.Check = client.Check{Kind: "http", Target: "http://192.0.2.66/", Interval: time.Millisecond, Fall: 11}
	inst, err := client.New(client.Options{Servers: []string{s.url}}, r)
	if err != nil {
		t.Fatal(err)
	}
	err = inst.Run(t.Context())
	refused := new(client.RefusedError)
	if !errors.As(err, &refused) {
		t.Fatalf("got %v, want a refusal", err)
	}
	for _, field := range []string{"check.http", "check.interval", "check.fall"} {
		if !strings.Contains(err.Error(), field) {
			t.Errorf("refusal %q does not name %s", err, field)
		}
	}
}
