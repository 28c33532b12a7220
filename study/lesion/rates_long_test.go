//go:build long

package lesion_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"voxen/internal/steptest"
	"voxen/study/lesion"
	"voxen/study/step"
)

// Of units that were dealt to sub-groups at random, p is small as often as it says.
func TestRatesOfRandomGroups(t *testing.T) {
	const tables, groups, size, layers, units = 20, 16, 6, 3, 32
	dir, o := options(t)
	o.Draws = 39
	below := map[float64]int{0.05: 0, 0.1: 0, 0.5: 0}
	rng := rand.New(rand.NewPCG(11, 11))
	n := 0
	for k := range tables {
		var table strings.Builder
		table.WriteString("model\tlayer\tunit\tnetwork\ttap\n")
		for i, u := range rng.Perm(layers * units)[:groups*size] {
			fmt.Fprintf(&table, "tiny\t%d\t%d\tG%d\tffn.out\n", u/units, u%units, i/size)
		}
		if err := os.WriteFile(o.Subgroups, []byte(table.String()), 0o666); err != nil {
			t.Fatal(err)
		}
		o.Out, o.Seed = filepath.Join(dir, fmt.Sprint(k)), uint64(k)
		sum, err := step.Do[*lesion.Summary](context.Background(), steptest.Env(), o)
		if err != nil {
			t.Fatal(err)
		}
		for _, g := range sum.Groups {
			n++
			for p := range below {
				if g.P <= p {
					below[p]++
				}
			}
		}
	}
	t.Logf("%d sub-groups: p <= 0.05 in %d, <= 0.1 in %d, <= 0.5 in %d", n, below[0.05], below[0.1], below[0.5])
	for p, got := range below { // within four binomial SDs
		if want, sd := p*float64(n), p*(1-p)*float64(n); (float64(got)-want)*(float64(got)-want) > 16*sd {
			t.Errorf("p <= %g in %d of %d sub-groups", p, got, n)
		}
	}
}
