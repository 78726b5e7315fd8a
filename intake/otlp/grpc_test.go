package otlp_test

import (
	"context"
	"strings"
	"testing"
	"time"

	collectorpb "go.opentelemetry.io/proto/otlp/collector/logs/v1"
	logspb "go.opentelemetry.io/proto/otlp/logs/v1"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"

	"example.com/evident/intake/otlp"
)

func dial(t *testing.T, addr string) *grpc.ClientConn {
	t.Helper()
	conn, err := grpc.NewClient(addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return conn
}

// export calls Export once, without trying again.
func export(t *testing.T, conn *grpc.ClientConn, req *collectorpb.ExportLogsServiceRequest, pairs ...string) (*collectorpb.ExportLogsServiceResponse, *status.Status) {
	t.Helper()
	ctx := metadata.AppendToOutgoingContext(t.Context(), append([]string{"authorization", "Bearer evk_all"}, pairs...)...)
	response, err := collectorpb.NewLogsServiceClient(conn).Export(ctx, req)
	return response, status.Convert(err)
}

func TestGRPC(t *testing.T) {
	r := open(t)
	_, addr := startBoth(t, r)
	conn := dial(t, addr)
	one := request("web", &logspb.LogRecord{Body: text("x")})
	f := func(what string, want codes.Code, req *collectorpb.ExportLogsServiceRequest, pairs ...string) *status.Status {
		t.Helper()
		_, s := export(t, conn, req, pairs...)
		if s.Code() != want {
			t.Errorf("%s: %v; want %v", what, s, want)
		}
		return s
	}
	f("a record", codes.OK, one)
	f("a source", codes.OK, one, "x-evident-source", "log/other")
	f("a source that is none", codes.InvalidArgument, one, "x-evident-source", "what")
	f("too large", codes.ResourceExhausted, request("web", &logspb.LogRecord{Body: text(strings.Repeat("x", otlp.MaxMessageBytes))}))
	r.full.Store(true)
	s := f("a full disk", codes.Unavailable, request("web", &logspb.LogRecord{Body: text("y")}))
	if len(s.Details()) != 1 {
		t.Errorf("no RetryInfo: %v", s.Details())
	} else if info, ok := s.Details()[0].(*errdetails.RetryInfo); !ok || info.RetryDelay.AsDuration() != time.Second {
		t.Errorf("%v", s.Details())
	}
	r.full.Store(false)
	response, s := export(t, conn, request("web", &logspb.LogRecord{Body: text("z")}, &logspb.LogRecord{}), "x-evident-source", "app/x")
	if s.Code() != codes.OK || response.PartialSuccess.GetRejectedLogRecords() != 2 || response.PartialSuccess.GetErrorMessage() == "" {
		t.Errorf("%v %v", response, s)
	}
	if raws := r.raws(0); len(raws) != 2 || !strings.HasPrefix(raws[0], "log/other ") || !strings.HasPrefix(raws[1], "log/web ") {
		t.Errorf("%s", raws)
	}
}

// Calls that send nothing take places, not memory without bound, and give them
// back.
func TestCallsAreBounded(t *testing.T) {
	r := open(t)
	_, addr := startBoth(t, r)
	ctx, cancel := context.WithCancel(metadata.AppendToOutgoingContext(t.Context(), "authorization", "Bearer evk_all"))
	idle := dial(t, addr)
	for range 24 {
		if _, err := idle.NewStream(ctx, &grpc.StreamDesc{ClientStreams: true}, "/opentelemetry.proto.collector.logs.v1.LogsService/Export"); err != nil {
			t.Fatal(err)
		}
	}
	conn := dial(t, addr)
	until := func(want codes.Code) {
		t.Helper()
		var s *status.Status
		for deadline := time.Now().Add(20 * time.Second); time.Now().Before(deadline); time.Sleep(time.Millisecond) {
			if _, s = export(t, conn, request("web", &logspb.LogRecord{Body: text("x")})); s.Code() == want {
				return
			}
		}
		t.Fatalf("%v, want %v", s, want)
	}
	until(codes.Unavailable) // when all of them have come
	cancel()
	until(codes.OK)
}
