package trail

import (
	"context"
	"fmt"
)

// Sift is Read for those of the records whose body keep lets pass. What is not
// kept is looked at and not verified, which takes a tenth of the time; what is
// returned has been verified. keep is called concurrently, must not change the
// body, and must not use it after it returns.
func (t *Trail) Sift(ctx context.Context, seqs []uint64, keep func(body []byte) bool) ([]Record, error) {
	const part = 4 * bodyChunk
	kept := make([]bool, len(seqs))
	err := parallel(ctx, (len(seqs)+part-1)/part, func(k int) error {
		for i := k * part; i < min(len(seqs), (k+1)*part); i++ {
			if seqs[i] >= t.Size() {
				return fmt.Errorf("read record %d: the trail has %d records", seqs[i], t.Size())
			}
			body, _, err := t.body(seqs[i])
			if err != nil {
				return err
			}
			kept[i] = body != nil && keep(body)
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	var wanted []uint64
	for i, seq := range seqs {
		if kept[i] {
			wanted = append(wanted, seq)
		}
	}
	return t.Read(ctx, wanted)
}
