package bucket

import (
	"context"
	"iter"
	"time"
)

// Keys yields the keys below prefix in the folders of the days from and until
// and of all between, as AWS delivers them; without both times, all keys. They
// are what package digest verifies.
func Keys(ctx context.Context, store Store, prefix string, from, until time.Time) iter.Seq2[string, error] {
	return func(yield func(string, error) bool) {
		prefixes := []string{prefix}
		if !from.IsZero() && !until.IsZero() {
			streams, err := (&Connector{cfg: Config{Store: store, Prefix: prefix, Dated: true}}).streams(ctx)
			if err != nil {
				yield("", err)
				return
			}
			prefixes = nil
			for _, s := range streams {
				for day := from.UTC().Truncate(24 * time.Hour); !day.After(until); day = day.AddDate(0, 0, 1) {
					prefixes = append(prefixes, days(s, day)...)
				}
			}
		}
		for _, p := range prefixes {
			for o, err := range store.List(ctx, p, "") {
				if !yield(o.Key, err) || err != nil {
					return
				}
			}
		}
	}
}
