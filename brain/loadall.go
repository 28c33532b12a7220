package brain

import (
	"cmp"
	"context"
	"fmt"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
)

// LoadAll loads several series, such as the runs of a subject, into one budget:
// the smaller ones are held in memory as long as st.Memory lasts, the others go
// to scratch files named st.Scratch with -0, -1, ... behind it. As many images
// are unpacked at once as there are processors, threads at most; Progress
// counts the bytes of all. The first error ends all.
func LoadAll(ctx context.Context, series []*Series, st Storage, threads int) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	shares := memoryShares(series, st.Memory)
	var total int64
	for _, s := range series {
		total += s.im.Header.dataBytes()
	}
	var progress progressSum
	slots := make(chan struct{}, max(1, min(threads, runtime.GOMAXPROCS(0))))
	var wg sync.WaitGroup
	for i, s := range series {
		slots <- struct{}{}
		wg.Go(func() {
			defer func() { <-slots }()
			if ctx.Err() != nil {
				return
			}
			own := Storage{Memory: shares[i], FS: st.FS}
			if st.Scratch != "" {
				own.Scratch = fmt.Sprintf("%s-%d", st.Scratch, i)
			}
			if st.Progress != nil {
				own.Progress = progress.part(total, st.Progress)
			}
			if err := s.Load(ctx, own); err != nil {
				cancel(err)
			}
		})
	}
	wg.Wait()
	return context.Cause(ctx)
}

// memoryShares gives each series the bytes it needs, the smallest first, until
// the budget is used up.
func memoryShares(series []*Series, budget int64) []int64 {
	order := make([]int, len(series))
	for i := range order {
		order[i] = i
	}
	slices.SortStableFunc(order, func(a, b int) int { return cmp.Compare(series[a].Bytes(), series[b].Bytes()) })
	shares := make([]int64, len(series))
	for _, i := range order {
		if need := series[i].Bytes(); need <= budget {
			shares[i] = need
			budget -= need
		}
	}
	return shares
}

// progressSum adds up the progress of parts that run at the same time.
type progressSum struct{ done atomic.Int64 }

func (p *progressSum) part(total int64, report func(done, total int64)) func(done, total int64) {
	var last int64
	return func(done, _ int64) {
		sum := p.done.Add(done - last)
		last = done
		report(sum, total)
	}
}
