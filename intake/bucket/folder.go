package bucket

import (
	"context"
	"fmt"
	"io"
	"io/fs"
	"iter"
	"path"
	"slices"
	"strings"
)

// Folder is a Store of files: a copy of a bucket, or where exports are put.
type Folder struct{ FS fs.FS }

// List is that of Store.
func (f Folder) List(ctx context.Context, prefix, after string) iter.Seq2[Object, error] {
	return func(yield func(Object, error) bool) { f.list(ctx, "", prefix, after, yield) }
}

// list yields what is below dir, which is empty or ends with a slash, and
// reports whether more is wanted. Keys are in the order of their bytes: a
// folder's name ends with its slash there, so that "a.gz" comes before "a/b".
func (f Folder) list(ctx context.Context, dir, prefix, after string, yield func(Object, error) bool) bool {
	entries, err := fs.ReadDir(f.FS, name(dir))
	if err != nil {
		yield(Object{}, err)
		return false
	}
	slices.SortFunc(entries, func(a, b fs.DirEntry) int { return strings.Compare(suffix(a), suffix(b)) })
	for _, e := range entries {
		key := dir + suffix(e)
		if err := ctx.Err(); err != nil {
			yield(Object{}, err)
			return false
		}
		if e.IsDir() {
			begins := strings.HasPrefix(key, prefix) || strings.HasPrefix(prefix, key)
			if begins && (key > after || strings.HasPrefix(after, key)) && !f.list(ctx, key, prefix, after, yield) {
				return false
			}
			continue
		}
		if !strings.HasPrefix(key, prefix) || key <= after || !e.Type().IsRegular() {
			continue
		}
		info, err := e.Info()
		if err != nil {
			continue // it was deleted meanwhile
		}
		o := Object{Key: key, ETag: fmt.Sprintf("%x-%x", info.Size(), info.ModTime().UnixNano()), Size: info.Size(), Modified: info.ModTime()}
		if !yield(o, nil) {
			return false
		}
	}
	return true
}

// Folders is that of Store.
func (f Folder) Folders(_ context.Context, prefix string) (folders []string, err error) {
	entries, err := fs.ReadDir(f.FS, name(prefix))
	for _, e := range entries {
		if e.IsDir() {
			folders = append(folders, prefix+e.Name()+"/")
		}
	}
	return folders, err
}

// Open is that of Store. Files have no metadata.
func (f Folder) Open(_ context.Context, key string) (io.ReadCloser, map[string]string, error) {
	file, err := f.FS.Open(key)
	return file, nil, err
}

// name is a folder as package fs names it.
func name(dir string) string { return path.Clean("./" + dir) }

// suffix is what an entry adds to the keys below its folder.
func suffix(e fs.DirEntry) string {
	if e.IsDir() {
		return e.Name() + "/"
	}
	return e.Name()
}
