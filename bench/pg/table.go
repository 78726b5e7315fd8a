package pg

import (
	"bytes"
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/jackc/pgx/v5"

	"example.com/evident/bench/load"
)

// schema is the table as it is usually built: the document as jsonb, a b-tree
// for each of the four things people look for, and a trigger that chains each
// row to the one before. The advisory lock is what makes it a chain and not a
// braid: it is held until the commit, so that commits cannot share a sync.
const schema = `
create extension pgcrypto;
create sequence events_seq;
create table events (
	seq  bigint primary key,
	doc  jsonb not null,
	prev bytea not null,
	hash bytea not null
);
create index on events ((doc->>'occurred_at'));
create index on events ((doc#>>'{actor,id}'));
create index on events ((doc->>'action'));
create index on events ((doc#>>'{target,id}'));
create function chain() returns trigger language plpgsql as $$
begin
	perform pg_advisory_xact_lock(7283);
	select hash into new.prev from events order by seq desc limit 1;
	new.prev := coalesce(new.prev, '\x00');
	new.seq := nextval('events_seq');
	new.hash := digest(new.prev || convert_to(new.doc::text, 'UTF8'), 'sha256');
	return new;
end $$;
create trigger chain before insert on events for each row execute function chain();`

// verifySQL counts the rows whose hash or link is wrong.
const verifySQL = `select count(*) from (
	select hash, prev, digest(prev || convert_to(doc::text, 'UTF8'), 'sha256') as want,
		coalesce(lag(hash) over (order by seq), '\x00') as before from events) v
	where hash <> want or prev <> before`

func (s *Server) connect(ctx context.Context) (*pgx.Conn, error) {
	return pgx.Connect(ctx, fmt.Sprintf("host=127.0.0.1 port=%d user=bench dbname=postgres sslmode=disable", s.port))
}

func (s *Server) exec(ctx context.Context, sql string) error {
	c, err := s.connect(ctx)
	if err != nil {
		return err
	}
	defer c.Close(ctx)
	_, err = c.Exec(ctx, sql)
	return err
}

// Reset makes the table anew.
func (s *Server) Reset(ctx context.Context) error {
	err := s.exec(ctx, "drop table if exists events cascade; drop sequence if exists events_seq; drop function if exists chain; drop extension if exists pgcrypto")
	if err == nil {
		err = s.exec(ctx, schema)
	}
	if err != nil {
		return fmt.Errorf("make table: %w", err)
	}
	return nil
}

// Send runs a plan against the table: a batch is one COPY in a transaction of
// its own, the fastest way in that the trigger allows; a single event is one
// prepared INSERT.
func (s *Server) Send(ctx context.Context, p load.Plan) (load.Outcome, error) {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	var (
		wg     sync.WaitGroup
		next   atomic.Int64
		events atomic.Int64
		mu     sync.Mutex // guards waits and failed
		waits  load.Waits
		failed error
	)
	conns := make([]*pgx.Conn, p.Clients)
	for i := range conns {
		c, err := s.connect(ctx)
		if err != nil {
			return load.Outcome{}, fmt.Errorf("send to postgres: %w", err)
		}
		defer c.Close(context.WithoutCancel(ctx))
		conns[i] = c
	}
	next.Store(int64(p.First))
	begin := time.Now()
	for _, conn := range conns {
		wg.Go(func() {
			var mine load.Waits
			var buf []byte
			var err error
			for err == nil && ctx.Err() == nil && (p.Limit == 0 || time.Since(begin) < p.Limit) {
				i := int(next.Add(1) - 1)
				if i >= p.Until {
					break
				}
				var n int
				if buf, n, err = p.Corpus.Batch(i, buf); err != nil {
					break
				}
				sent := time.Now()
				if err = insert(ctx, conn, buf); err == nil {
					mine = append(mine, time.Since(sent))
					events.Add(int64(n))
				}
			}
			mu.Lock()
			defer mu.Unlock()
			waits = append(waits, mine...)
			if err != nil && failed == nil {
				failed = fmt.Errorf("send to postgres: %w", err)
				cancel()
			}
		})
	}
	wg.Wait()
	took := time.Since(begin)
	if failed == nil {
		failed = ctx.Err()
	}
	return load.Outcome{Events: int(events.Load()), Batches: min(int(next.Load()), p.Until), Took: took, Waits: load.Sorted(waits)}, failed
}

func insert(ctx context.Context, c *pgx.Conn, lines []byte) error {
	rows := bytes.Split(bytes.TrimSuffix(lines, []byte("\n")), []byte("\n"))
	if len(rows) == 1 {
		_, err := c.Exec(ctx, "insert into events (doc) values ($1)", rows[0])
		return err
	}
	_, err := c.CopyFrom(ctx, pgx.Identifier{"events"}, []string{"doc"},
		pgx.CopyFromSlice(len(rows), func(i int) ([]any, error) { return []any{rows[i]}, nil }))
	return err
}

// Size is the bytes of the table with its indexes, and its rows.
func (s *Server) Size(ctx context.Context) (bytes int64, rows int64, err error) {
	c, err := s.connect(ctx)
	if err != nil {
		return 0, 0, err
	}
	defer c.Close(ctx)
	err = c.QueryRow(ctx, "select pg_total_relation_size('events'), (select count(*) from events)").Scan(&bytes, &rows)
	return bytes, rows, err
}

// Verify computes every hash and link again and says how long that took.
func (s *Server) Verify(ctx context.Context) (took time.Duration, err error) {
	c, err := s.connect(ctx)
	if err != nil {
		return 0, err
	}
	defer c.Close(ctx)
	begin := time.Now()
	var wrong int64
	if err := c.QueryRow(ctx, verifySQL).Scan(&wrong); err != nil {
		return 0, fmt.Errorf("verify table: %w", err)
	}
	if wrong != 0 {
		return 0, fmt.Errorf("verify table: %d rows do not match their chain", wrong)
	}
	return time.Since(begin), nil
}
