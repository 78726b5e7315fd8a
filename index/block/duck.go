package block

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"strings"
	"sync"

	"github.com/duckdb/duckdb-go/v2"
)

// ColumnNames are the columns of a block: t, ns, seq, flags and one for each group.
var (
	ColumnNames = func() []string {
		names := []string{"t", "ns", "seq", "flags"}
		for g := range Groups {
			names = append(names, Groups[g].Name)
		}
		return names
	}()
	columnTypes = func() []duckdb.Type {
		types := []duckdb.Type{duckdb.TYPE_BIGINT, duckdb.TYPE_INTEGER, duckdb.TYPE_BIGINT, duckdb.TYPE_UTINYINT}
		for range Groups {
			types = append(types, duckdb.TYPE_UINTEGER)
		}
		return types
	}()
)

// schema is the table of a block. Codes are bit-packed by DuckDB as tightly as
// the largest of 2,048 neighbours needs.
var schema = func() string {
	sqlTypes := map[duckdb.Type]string{
		duckdb.TYPE_BIGINT: "BIGINT", duckdb.TYPE_INTEGER: "INTEGER",
		duckdb.TYPE_UTINYINT: "UTINYINT", duckdb.TYPE_UINTEGER: "UINTEGER",
	}
	var columns []string
	for i, name := range ColumnNames {
		columns = append(columns, name+" "+sqlTypes[columnTypes[i]])
	}
	return "(" + strings.Join(columns, ", ") + ")"
}()

// A Duck is the DuckDB of one index: in memory, with blocks attached, locked.
type Duck struct {
	db *sql.DB

	mu    sync.Mutex
	feeds map[int64]feed // by the number by which a statement names them
	last  int64
}

// Start starts DuckDB. It may read and write below dir and nowhere else, and
// nobody can change that. Each query runs on one thread: parts of the index are
// searched at the same time, which scales better than threads within one part.
func Start(ctx context.Context, dir string, memoryBytes int64) (*Duck, error) {
	connector, err := duckdb.NewConnector("", nil)
	if err != nil {
		return nil, fmt.Errorf("start duckdb: %w", err)
	}
	d := &Duck{db: sql.OpenDB(connector), feeds: map[int64]feed{}}
	if err := d.setUp(ctx, dir, memoryBytes); err != nil {
		d.db.Close()
		return nil, fmt.Errorf("start duckdb: %w", err)
	}
	return d, nil
}

func (d *Duck) setUp(ctx context.Context, dir string, memoryBytes int64) error {
	conn, err := d.db.Conn(ctx)
	if err != nil {
		return err
	}
	defer conn.Close()
	bigint, err := duckdb.NewTypeInfo(duckdb.TYPE_BIGINT)
	if err != nil {
		return err
	}
	err = duckdb.RegisterTableUDF(conn, "feed", duckdb.ChunkTableFunction{
		Config:        duckdb.TableFunctionConfig{Arguments: []duckdb.TypeInfo{bigint}},
		BindArguments: d.bindFeed,
	})
	if err != nil {
		return err
	}
	for _, set := range []string{
		"threads = 1",
		fmt.Sprintf("memory_limit = '%dMB'", max(memoryBytes>>20, 32)),
		"force_compression = 'bitpacking'", // trying the others makes sealing twice as dear, and none wins
		"temp_directory = ''",              // more than the memory is refused, not spilled
		"autoinstall_known_extensions = false",
		"autoload_known_extensions = false",
		"allowed_directories = [" + quoteSQL(dir) + "]",
		"enable_external_access = false",
		"lock_configuration = true",
	} {
		if _, err := conn.ExecContext(ctx, "SET GLOBAL "+set); err != nil {
			return err
		}
	}
	return nil
}

// quoteSQL is for the paths of the index's own files, which DuckDB does not
// take as parameters. Nothing that a user typed ever gets here.
func quoteSQL(s string) string { return "'" + strings.ReplaceAll(s, "'", "''") + "'" }

// lend makes the rows of a tail known to DuckDB as feed(number), in this order,
// until they are taken back.
func (d *Duck) lend(t *Tail, order []uint32) (number int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.last++
	d.feeds[d.last] = feed{tail: t, order: order}
	return d.last
}

func (d *Duck) takeBack(number int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	delete(d.feeds, number)
}

// bindFeed finds the rows that a statement names.
func (d *Duck) bindFeed(_ map[string]any, args ...any) (duckdb.ChunkTableSource, error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	f, ok := d.feeds[args[0].(int64)]
	if !ok {
		return nil, fmt.Errorf("feed %d is not there", args[0])
	}
	return &f, nil
}

// A feed gives the rows of a tail to DuckDB.
type feed struct {
	tail  *Tail
	order []uint32
	next  int
}

func (f *feed) Init() { f.next = 0 }

func (f *feed) Cardinality() *duckdb.CardinalityInfo {
	return &duckdb.CardinalityInfo{Cardinality: uint(len(f.order)), Exact: true}
}

func (f *feed) ColumnInfos() []duckdb.ColumnInfo {
	var columns []duckdb.ColumnInfo
	for i, name := range ColumnNames {
		info, err := duckdb.NewTypeInfo(columnTypes[i])
		if err != nil {
			panic("bug: " + err.Error()) // the types are plain ones
		}
		columns = append(columns, duckdb.ColumnInfo{Name: name, T: info})
	}
	return columns
}

func (f *feed) FillChunk(chunk duckdb.DataChunk) error {
	n := min(len(f.order)-f.next, duckdb.GetDataChunkCapacity())
	rows := f.order[f.next : f.next+n]
	f.next += n
	t := f.tail
	errs := []error{fill(chunk, 0, t.T, rows), fill(chunk, 1, t.NS, rows), fill(chunk, 2, t.Seqs, rows), fill(chunk, 3, t.Flags, rows)}
	for g := range Groups {
		errs = append(errs, fill(chunk, 4+g, t.Codes[g], rows))
	}
	return errors.Join(append(errs, chunk.SetSize(n))...)
}

func fill[T any](chunk duckdb.DataChunk, to int, column []T, rows []uint32) error {
	for i, row := range rows {
		if err := duckdb.SetChunkValue(chunk, to, i, column[row]); err != nil {
			return err
		}
	}
	return nil
}

// Rows runs a query on a block and calls each for every row. Its text is made
// of the names in ColumnNames and of question marks.
func (d *Duck) Rows(ctx context.Context, query string, bound []any, each func(scan func(...any) error) error) error {
	rows, err := d.db.QueryContext(ctx, query, bound...)
	if err != nil {
		return err
	}
	defer rows.Close()
	for rows.Next() {
		if err := each(rows.Scan); err != nil {
			return err
		}
	}
	return rows.Err()
}

// Close ends DuckDB.
func (d *Duck) Close() error { return d.db.Close() }
