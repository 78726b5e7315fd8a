package digest

import (
	"cmp"
	"context"
	"crypto"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io/fs"
	"maps"
	"path"
	"slices"
	"strings"
	"time"
)

// verification is one run of Verify.
type verification struct {
	cfg     Config
	keys    map[string][]string // of all files, by their last part
	digests []listed            // by chain, then time
	named   map[string]bool     // log files that digests name, by their last part
	newest  map[string]time.Time
	report  Report
}

type listed struct {
	key  string
	name name
}

// Verify checks every digest of the period and every log file that they name.
// An error is one of reading the files: it says nothing about them.
func Verify(ctx context.Context, c Config) (*Report, error) {
	v := &verification{cfg: c, keys: map[string][]string{}, named: map[string]bool{}, newest: map[string]time.Time{}}
	if err := v.list(ctx); err != nil {
		return nil, err
	}
	for i := 0; i < len(v.digests); {
		n := i + 1
		for n < len(v.digests) && v.digests[n].name.chain == v.digests[i].name.chain {
			n++
		}
		if err := v.chain(ctx, v.digests[i:n]); err != nil {
			return nil, err
		}
		i = n
	}
	if len(v.digests) == 0 {
		v.report.add(Problem{Uncovered, v.period(c.From, c.Until), "there are no digest files"})
	}
	v.unnamed()
	return &v.report, nil
}

// list reads which files there are, and sorts the digests of the period.
func (v *verification) list(ctx context.Context) error {
	n := 0
	for key, err := range v.cfg.Files.Keys(ctx) {
		if err != nil {
			return fmt.Errorf("list files: %w", err)
		}
		if n++; n > maxFiles {
			return fmt.Errorf("list files: more than %d; verify a shorter period", maxFiles)
		}
		base := path.Base(key)
		v.keys[base] = append(v.keys[base], key)
		name, ok := digestName(key)
		if ok && !name.at.Before(v.cfg.From) && (v.cfg.Until.IsZero() || name.at.Before(v.cfg.Until.Add(time.Hour))) {
			v.digests = append(v.digests, listed{key, name})
		}
	}
	slices.SortFunc(v.digests, func(a, b listed) int {
		return cmp.Or(cmp.Compare(a.name.chain, b.name.chain), a.name.at.Compare(b.name.at), cmp.Compare(a.key, b.key))
	})
	return nil
}

// has reports whether there is a file with this key.
func (v *verification) has(key string) bool { return slices.Contains(v.keys[path.Base(key)], key) }

// find returns where the file lies that was delivered as object; empty if it is
// not there. In a bucket that is its own place; in a copy, what ends as it does,
// or at least has its name.
func (v *verification) find(object string) string {
	found := v.keys[path.Base(object)]
	for _, key := range found {
		if key == object {
			return key
		}
	}
	if v.cfg.Bucket != "" || len(found) == 0 {
		return ""
	}
	for _, key := range found {
		if strings.HasSuffix(object, "/"+key) || strings.HasSuffix(key, "/"+object) {
			return key
		}
	}
	return found[0]
}

// chain checks the digests of one trail in one region, oldest first. Each waits
// for the one after it, which may have its signature.
func (v *verification) chain(ctx context.Context, digests []listed) error {
	var before, current *file
	for _, d := range digests {
		next, err := v.read(ctx, d.key, d.name)
		if err != nil {
			return err
		}
		if current != nil {
			if current.signature == "" && next.bad == nil && next.PreviousObject == current.Object && next.PreviousSignature != nil {
				current.signature = *next.PreviousSignature
			}
			if err := v.digest(ctx, before, current); err != nil {
				return err
			}
			before = current
		}
		current = next
	}
	if err := v.digest(ctx, before, current); err != nil {
		return err
	}
	v.ends(digests[0].name, current)
	return nil
}

// ends says what of the period lies behind the last digest of a chain.
func (v *verification) ends(n name, last *file) {
	end := last.name.at
	if !n.backfill && !v.cfg.Until.IsZero() && end.Before(v.cfg.Until) {
		v.report.add(Problem{Uncovered, v.period(end, v.cfg.Until), "the last digest of " + n.chain + " ends before it"})
	}
}

// digest checks one digest, its link to the one before it in the list, and the
// log files that it names.
func (v *verification) digest(ctx context.Context, before, f *file) error {
	r := Result{
		Key: f.key, Bucket: f.Bucket, Object: f.Object, Account: f.Account, Start: f.start, End: f.end, Backfill: f.name.backfill, Logs: len(f.Logs),
	}
	bad := func(what What, detail string) { r.Problems = append(r.Problems, Problem{what, f.key, detail}) }
	v.report.Digests++
	if f.bad != nil {
		r.End = f.name.at
		bad(BadFormat, f.bad.Error())
	} else {
		if v.moved(f) {
			bad(Moved, "it was delivered as "+f.Bucket+"/"+f.Object)
		}
		if what, detail := v.signature(f); what != "" {
			bad(what, detail)
		}
		if !f.name.backfill {
			r.Problems = append(r.Problems, v.link(before, f)...)
		}
		problems, err := v.logs(ctx, f)
		if err != nil {
			return err
		}
		r.Problems = append(r.Problems, problems...)
	}
	v.report.add(r.Problems...)
	if r.OK() {
		v.report.Valid++
		if v.report.From.IsZero() || f.start.Before(v.report.From) {
			v.report.From = f.start
		}
		if f.end.After(v.report.Until) {
			v.report.Until = f.end
		}
	}
	if !f.name.backfill && f.name.at.After(v.newest[f.name.place]) {
		v.newest[f.name.place] = f.name.at
	}
	if v.cfg.Each != nil {
		v.cfg.Each(r)
	}
	return nil
}

// moved reports whether a digest is not what its place says. Bucket and key are
// signed; in a copy only the last part of the key can be held against them.
func (v *verification) moved(f *file) bool {
	if v.cfg.Bucket != "" {
		return f.Bucket != v.cfg.Bucket || f.Object != f.key
	}
	return path.Base(f.Object) != path.Base(f.key) || !f.end.Equal(f.name.at)
}

// signature checks the signature of a digest.
func (v *verification) signature(f *file) (What, string) {
	if f.signature == "" {
		return Unsigned, "neither metadata, nor " + path.Base(f.key) + ".metadata.json, nor a digest after it"
	}
	keys := candidates(v.cfg.Keys, f.Fingerprint)
	if len(keys) == 0 {
		return UnknownKey, f.Fingerprint
	}
	signature, err := hex.DecodeString(f.signature)
	if err != nil {
		return BadSignature, "it is not hex"
	}
	sum := sha256.Sum256([]byte(f.signed()))
	for _, k := range keys {
		if rsa.VerifyPKCS1v15(k.Public, crypto.SHA256, sum[:], signature) == nil {
			return "", ""
		}
	}
	return BadSignature, ""
}

// link checks that f goes on where the digest before it ended.
func (v *verification) link(before, f *file) (problems []Problem) {
	first := before == nil
	switch {
	case f.PreviousObject == "" && first:
		if !v.cfg.From.IsZero() && f.start.After(v.cfg.From) {
			problems = append(problems, Problem{Uncovered, v.period(v.cfg.From, f.start), "the chain begins with " + f.key})
		}
	case f.PreviousObject == "":
		problems = append(problems, Problem{Gap, v.period(before.name.at, f.start), f.key + " names no digest before it"})
	case first:
		n, ok := digestName(f.PreviousObject)
		if !v.cfg.From.IsZero() && (!ok || !n.at.Before(v.cfg.From)) { // otherwise it is not of the period
			problems = append(problems, Problem{DigestMissing, f.PreviousObject, "it is named by " + f.key})
		}
	case path.Base(f.PreviousObject) != path.Base(before.key):
		problems = append(problems, Problem{DigestMissing, f.PreviousObject, "it is named by " + f.key})
	default:
		if f.PreviousHashBy != "SHA-256" || !strings.EqualFold(f.PreviousHash, hex.EncodeToString(before.plain[:])) {
			problems = append(problems, Problem{BadLink, before.key, "its hash is another"})
		}
		if f.PreviousSignature == nil || !strings.EqualFold(*f.PreviousSignature, before.signature) {
			problems = append(problems, Problem{BadLink, before.key, "its signature is another"})
		}
		if before.bad == nil && f.start.After(before.end) {
			problems = append(problems, Problem{Gap, v.period(before.end, f.start), f.key + " begins later than the digest before it ends"})
		}
	}
	return problems
}

// logs checks the log files that a digest names.
func (v *verification) logs(ctx context.Context, f *file) (problems []Problem, err error) {
	for _, l := range f.Logs {
		v.report.Logs++
		v.named[path.Base(l.Object)] = true
		what, detail, err := v.log(ctx, l)
		if err != nil {
			return nil, err
		}
		if what == "" {
			v.report.ValidLogs++
			continue
		}
		problems = append(problems, Problem{what, l.Bucket + "/" + l.Object, detail})
	}
	return problems, nil
}

func (v *verification) log(ctx context.Context, l logRef) (What, string, error) {
	key := v.find(l.Object)
	if key == "" || v.cfg.Bucket != "" && l.Bucket != v.cfg.Bucket {
		return LogMissing, "", nil
	}
	r, _, err := v.cfg.Files.Open(ctx, key)
	if errors.Is(err, fs.ErrNotExist) {
		return LogMissing, "", nil
	}
	if err != nil {
		return "", "", fmt.Errorf("open %s: %w", key, err)
	}
	defer r.Close()
	h, from := sha256.New(), &reader{r: r}
	err = unpack(h, from, maxLogBytes)
	switch {
	case from.err != nil:
		return "", "", fmt.Errorf("read %s: %w", key, from.err)
	case err != nil:
		return LogBroken, err.Error(), nil
	case l.HashBy != "SHA-256":
		return LogChanged, fmt.Sprintf("its hash is by %.20q, which is not known", l.HashBy), nil
	}
	if got := hex.EncodeToString(h.Sum(nil)); !strings.EqualFold(got, l.Hash) {
		return LogChanged, "its hash is " + got + ", that of the digest " + l.Hash, nil
	}
	return "", "", nil
}

// unnamed looks for log files of the period that no digest names.
func (v *verification) unnamed() {
	for _, base := range slices.Sorted(maps.Keys(v.keys)) {
		place, at, ok := logName(base)
		if !ok || v.named[base] || at.Before(v.cfg.From) || !v.cfg.Until.IsZero() && !at.Before(v.cfg.Until) {
			continue
		}
		if at.Add(slack).After(v.newest[place]) {
			v.report.Pending++
			continue
		}
		v.report.add(Problem{LogUnnamed, v.keys[base][0], ""})
	}
}

// slack is how long a log file may wait for its digest: it is named by the one of
// the hour in which it was delivered, which comes at the end of that hour.
const slack = time.Hour

// period shows a stretch of time.
func (v *verification) period(from, until time.Time) string {
	show := func(t time.Time) string {
		if t.IsZero() {
			return "…"
		}
		return t.UTC().Format(time.RFC3339)
	}
	return show(from) + " to " + show(until)
}
