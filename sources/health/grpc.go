package health

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"

	"github.com/rollcall-dns/rollcall/zone"
)

// tryGRPC calls grpc.health.v1.Health/Check. A unary call is one POST of HTTP/2
// with a message of one field each way: net/http can do that.
func tryGRPC(ctx context.Context, c *zone.Check, s *zone.Spot, tcp *net.TCPConn) error {
	what := fmt.Sprintf("gRPC health of %s, service %q", s.Addr, c.Target)
	conn, err := secured(ctx, c, tcp, "h2")
	if err != nil {
		return &failure{what + ": TLS", err}
	}
	reply, err := call(ctx, c, s, conn)
	if err != nil {
		return &failure{what, err}
	}
	if reply != serving {
		return fmt.Errorf("%s: %s", what, reply)
	}
	return nil
}

// grpcState is the status of a HealthCheckResponse.
type grpcState uint64

const serving grpcState = 1

func (s grpcState) String() string {
	names := [...]string{"UNKNOWN", "SERVING", "NOT_SERVING", "SERVICE_UNKNOWN"}
	if int(min(s, 1<<30)) < len(names) {
		return names[s]
	}
	return fmt.Sprintf("status %d", uint64(s))
}

// call makes one call over a connection that it may use alone.
func call(ctx context.Context, c *zone.Check, s *zone.Spot, conn net.Conn) (grpcState, error) {
	var protocols http.Protocols
	protocols.SetHTTP2(c.Kind.TLS())
	protocols.SetUnencryptedHTTP2(!c.Kind.TLS())
	dial := func(context.Context, string, string) (net.Conn, error) { return conn, nil }
	transport := &http.Transport{
		DialContext: dial, DialTLSContext: dial, Protocols: &protocols,
		MaxResponseHeaderBytes: maxAnswer, DisableCompression: true,
	}
	defer transport.CloseIdleConnections()
	url := "http://"
	if c.Kind.TLS() {
		url = "https://"
	}
	req, err := http.NewRequestWithContext(ctx, http.MethodPost, url+s.Addr.String()+"/grpc.health.v1.Health/Check", strings.NewReader(healthRequest(c.Target)))
	if err != nil {
		return 0, err
	}
	req.Host = hostOf(c, s)
	req.Header = http.Header{"Content-Type": {"application/grpc"}, "Te": {"trailers"}, "User-Agent": {"rollcall"}}
	resp, err := transport.RoundTrip(req)
	if err != nil {
		return 0, err
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, maxAnswer))
	switch status := grpcStatus(resp); {
	case err != nil:
		return 0, err
	case resp.StatusCode != http.StatusOK:
		return 0, fmt.Errorf("%d %s", resp.StatusCode, http.StatusText(resp.StatusCode))
	case status != "0":
		return 0, fmt.Errorf("status %.20q %.120q", status, resp.Trailer.Get("Grpc-Message")+resp.Header.Get("Grpc-Message"))
	}
	return parseHealthReply(body)
}

// grpcStatus is in the trailer, or in the header of an answer without a message.
func grpcStatus(resp *http.Response) string {
	if s := resp.Trailer.Get("Grpc-Status"); s != "" {
		return s
	}
	return resp.Header.Get("Grpc-Status")
}

// healthRequest is a HealthCheckRequest with the name of a service in field 1,
// behind the prefix of a message that is not compressed.
func healthRequest(service string) string {
	var m []byte
	if service != "" {
		m = append(m, 1<<3|2)
		m = binary.AppendUvarint(m, uint64(len(service)))
		m = append(m, service...)
	}
	return string(append(binary.BigEndian.AppendUint32([]byte{0}, uint32(len(m))), m...))
}

var errHealthReply = errors.New("the answer is not a HealthCheckResponse")

// parseHealthReply finds the status, a varint in field 1, and passes over others.
func parseHealthReply(b []byte) (state grpcState, err error) {
	if len(b) < 5 || b[0] != 0 || uint64(binary.BigEndian.Uint32(b[1:])) != uint64(len(b)-5) {
		return 0, errHealthReply
	}
	for b = b[5:]; len(b) > 0; {
		tag, n := binary.Uvarint(b)
		if n <= 0 || tag&7 != 0 && tag&7 != 2 {
			return 0, errHealthReply
		}
		b = b[n:]
		v, n := binary.Uvarint(b)
		if n <= 0 {
			return 0, errHealthReply
		}
		b = b[n:]
		switch {
		case tag == 1<<3:
			state = grpcState(v)
		case tag&7 == 2 && v > uint64(len(b)):
			return 0, errHealthReply
		case tag&7 == 2:
			b = b[v:]
		}
	}
	return state, nil
}
