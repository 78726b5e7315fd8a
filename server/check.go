package server

import (
	"context"
	"errors"
	"time"

	"example.com/evident/trail"
)

// checkNightly goes through all of the trail again and again, and records what
// it found. What is wrong is in the trail then, and in the log; the server goes
// on: who reads meets the damage where it is.
func (s *Server) checkNightly(ctx context.Context) {
	if s.cfg.CheckEvery < 0 {
		return
	}
	every := time.NewTicker(s.cfg.CheckEvery)
	defer every.Stop()
	for {
		select {
		case <-every.C:
			s.check(ctx)
		case <-ctx.Done():
			return
		}
	}
}

func (s *Server) check(ctx context.Context) {
	begun := time.Now()
	r, err := s.trail.Check(ctx, trail.CheckOptions{})
	if ctx.Err() != nil {
		return
	}
	if err != nil {
		s.log.ErrorContext(ctx, "trail does not verify", "error", err.Error())
	} else {
		s.log.InfoContext(ctx, "trail verified", "records", r.Size, "took", time.Since(begun).String())
	}
	if err := s.trail.RecordCheck(ctx, r, err); err != nil && !errors.Is(err, trail.ErrClosed) {
		s.log.ErrorContext(ctx, "check not recorded", "error", err.Error())
	}
}
