package pg_test

import (
	"os"
	"path/filepath"
)

// openToOthers lets the user that runs PostgreSQL walk down to dir.
func openToOthers(dir string) error {
	for d := dir; d != os.TempDir() && d != "/"; d = filepath.Dir(d) {
		if err := os.Chmod(d, 0o755); err != nil {
			return err
		}
	}
	return nil
}
