package ui

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"net/http"
	"path"
)

// assets are the files that pages load, by name. Their address holds a
// checksum of their bytes, so that browsers may keep them for ever.
type assets map[string]asset

type asset struct {
	sum, kind string
	bytes     []byte
}

// assetKinds are the media types of the files there are.
var assetKinds = map[string]string{
	".css": "text/css; charset=utf-8",
	".js":  "text/javascript; charset=utf-8",
	".svg": "image/svg+xml",
}

func loadAssets(files fs.FS) (assets, error) {
	list, err := fs.Glob(files, "static/*")
	if err != nil {
		return nil, err
	}
	a := assets{}
	for _, name := range list {
		b, err := fs.ReadFile(files, name)
		if err != nil {
			return nil, fmt.Errorf("read page file: %w", err)
		}
		sum := sha256.Sum256(b)
		a[path.Base(name)] = asset{hex.EncodeToString(sum[:6]), assetKinds[path.Ext(name)], b}
	}
	return a, nil
}

// url returns the address of a file; a name that does not exist is an error
// of the template.
func (a assets) url(name string) (string, error) {
	f, ok := a[name]
	if !ok {
		return "", fmt.Errorf("no file %s", name)
	}
	return "/static/" + f.sum + "/" + name, nil
}

func (u *ui) staticGet(w http.ResponseWriter, r *http.Request) {
	f, ok := u.assets[r.PathValue("name")]
	if !ok || f.sum != r.PathValue("sum") {
		u.notFound(w, r)
		return
	}
	w.Header().Set("Content-Type", f.kind)
	w.Header().Set("Cache-Control", "public, max-age=31536000, immutable")
	_, _ = w.Write(f.bytes)
}
