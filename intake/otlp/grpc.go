package otlp

import (
	"context"
	"fmt"
	"net/http"
	"strings"
	"time"

	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	_ "google.golang.org/grpc/encoding/gzip" // clients compress with it
	"google.golang.org/grpc/keepalive"
	"google.golang.org/grpc/mem"
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/peer"
	"google.golang.org/grpc/status"
	"google.golang.org/grpc/tap"
	"google.golang.org/protobuf/types/known/durationpb"

	"example.com/evident/intake/sender"
)

// Bounds of gRPC: maxCalls messages of at most MaxMessageBytes are in memory at
// once, whoever sends them. A call that finds no place is told to come again.
const (
	MaxMessageBytes = 8 << 20
	maxCalls        = 24
	callTime        = 2 * time.Minute // for a message to come and be stored
	retryDelay      = time.Second
	idleTime        = 10 * time.Minute
)

// NewServer returns a gRPC server that serves the LogsService. Who calls it owns
// it; options may bring credentials.
func NewServer(c Config, options ...grpc.ServerOption) *grpc.Server {
	s := &service{cfg: c, calls: make(chan struct{}, maxCalls)}
	server := grpc.NewServer(append([]grpc.ServerOption{
		grpc.ForceServerCodecV2(bytesCodec{}),
		grpc.MaxRecvMsgSize(MaxMessageBytes),
		grpc.MaxConcurrentStreams(maxCalls),
		grpc.InTapHandle(s.admit),
		grpc.KeepaliveParams(keepalive.ServerParameters{MaxConnectionIdle: idleTime}),
		grpc.KeepaliveEnforcementPolicy(keepalive.EnforcementPolicy{MinTime: 10 * time.Second, PermitWithoutStream: true}),
	}, options...)...)
	server.RegisterService(&grpc.ServiceDesc{
		ServiceName: "opentelemetry.proto.collector.logs.v1.LogsService",
		HandlerType: (*any)(nil),
		Methods: []grpc.MethodDesc{{MethodName: "Export", Handler: func(_ any, ctx context.Context, decode func(any) error, _ grpc.UnaryServerInterceptor) (any, error) {
			var request []byte
			if err := decode(&request); err != nil {
				return nil, err
			}
			return s.export(ctx, request)
		}}},
	}, s)
	return server
}

// service is the LogsService.
type service struct {
	cfg   Config
	calls chan struct{} // places that are taken
}

type senderKey struct{}

// admit lets a call in before its message comes, so that who is unknown cannot
// make the server hold anything.
func (s *service) admit(ctx context.Context, info *tap.Info) (context.Context, error) {
	credential := sender.Credential{Host: first(info.Header, ":authority")}
	if scheme, token, _ := strings.Cut(first(info.Header, "authorization"), " "); strings.EqualFold(scheme, "Bearer") {
		credential.Token = strings.TrimSpace(token)
	}
	if p, ok := peer.FromContext(ctx); ok {
		credential.Remote = p.Addr.String()
	}
	from, err := s.cfg.Admit(ctx, credential)
	if err != nil {
		return ctx, statusError(err)
	}
	select {
	case s.calls <- struct{}{}:
	default:
		return ctx, again("the server has too many calls; send this again")
	}
	ctx, cancel := context.WithTimeout(context.WithValue(ctx, senderKey{}, from), callTime)
	context.AfterFunc(ctx, func() { // also when the call ends
		cancel()
		<-s.calls
	})
	return ctx, nil
}

func first(h metadata.MD, name string) string {
	if v := h.Get(name); len(v) > 0 {
		return v[0]
	}
	return ""
}

// export answers one call.
func (s *service) export(ctx context.Context, request []byte) (*[]byte, error) {
	from, ok := ctx.Value(senderKey{}).(sender.Sender)
	if !ok {
		panic("bug: a call that was not let in")
	}
	md, _ := metadata.FromIncomingContext(ctx)
	taken, err := s.cfg.take(ctx, from, walkWire, first(md, "x-evident-source"), request)
	if err != nil {
		return nil, statusError(err)
	}
	response := appendResponse([]byte{}, &taken)
	return &response, nil
}

// statusError returns err as the status of a call.
func statusError(err error) error {
	code := statusOf(err)
	if code == http.StatusServiceUnavailable {
		return again(textOf(code, err))
	}
	return status.Error(codeOf(code), textOf(code, err))
}

// again is the status after which clients try again.
func again(text string) error {
	s := status.New(codes.Unavailable, text)
	if detailed, err := s.WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(retryDelay)}); err == nil {
		s = detailed
	}
	return s.Err()
}

// codeOf returns the code of gRPC for a status of HTTP.
func codeOf(status int) codes.Code {
	switch status {
	case http.StatusUnauthorized:
		return codes.Unauthenticated
	case http.StatusForbidden:
		return codes.PermissionDenied
	case http.StatusServiceUnavailable:
		return codes.Unavailable
	case http.StatusMethodNotAllowed:
		return codes.Unimplemented
	}
	return codes.InvalidArgument
}

// bytesCodec leaves messages as they are: package otlp reads them itself.
type bytesCodec struct{}

func (bytesCodec) Marshal(v any) (mem.BufferSlice, error) {
	b, ok := v.(*[]byte)
	if !ok {
		return nil, fmt.Errorf("marshal %T: expected bytes", v)
	}
	return mem.BufferSlice{mem.SliceBuffer(*b)}, nil
}

func (bytesCodec) Unmarshal(data mem.BufferSlice, v any) error {
	b, ok := v.(*[]byte)
	if !ok {
		return fmt.Errorf("unmarshal into %T: expected bytes", v)
	}
	*b = data.Materialize()
	return nil
}

func (bytesCodec) Name() string { return "proto" }
