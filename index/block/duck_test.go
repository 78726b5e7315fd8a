package block

import "testing"

func TestDuckDBIsLocked(t *testing.T) {
	dir := t.TempDir()
	d, err := Start(t.Context(), dir, 64<<20)
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	for _, statement := range []string{
		"SELECT * FROM read_csv('/etc/passwd')", "SELECT * FROM '/etc/passwd'", "COPY (SELECT 1) TO '/tmp/evident-escaped.csv'",
		"ATTACH '/tmp/evident-escaped.duckdb' AS x", "INSTALL httpfs", "LOAD httpfs", "SET enable_external_access = true",
		"SET memory_limit = '1TB'", "SET allowed_directories = ['/']", "ATTACH " + quoteSQL(dir+"/../x.duckdb") + " AS x",
	} {
		if _, err := d.db.ExecContext(t.Context(), statement); err == nil {
			t.Errorf("%s: done, want a refusal", statement)
		}
	}
	if _, err := d.db.ExecContext(t.Context(), "ATTACH "+quoteSQL(dir+"/ours.duckdb")+" AS y"); err != nil {
		t.Errorf("attach in the folder: %v", err)
	}
}
