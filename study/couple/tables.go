package couple

import (
	"context"
	"io"
	"math"
	"strconv"

	"voxen/brain"
	"voxen/engine/op"
	"voxen/engine/tile"
	"voxen/store"
	"voxen/study/step"
)

// tables writes q.npy, coupling.tsv and biological.tsv.
func (c *coupler) tables(ctx context.Context, t *pairs) error {
	if err := c.WriteNpy("q", []int{t.M, t.N}, t.q); err != nil {
		return err
	}
	words, err := c.drivers(ctx, t)
	if err != nil {
		return err
	}
	if err := c.Job.WriteFile("coupling.tsv", func(w io.Writer) error { return c.writeCoupling(w, t, words) }); err != nil {
		return err
	}
	return c.Job.WriteFile("biological.tsv", func(w io.Writer) error { return c.writeNetworks(w, t, words) })
}

// drivers finds the words of every anchored pair, by artificial neuron.
func (c *coupler) drivers(ctx context.Context, t *pairs) (map[int]string, error) {
	words := map[int]string{}
	if c.words == nil {
		return words, nil
	}
	T, M, borders, tr := c.y.Dims[2], t.M, c.x.Borders(), c.o.TR.Value
	hrf, err := brain.ParseHRF(c.o.HRF)
	if err != nil {
		return nil, err
	}
	l := &Listener{hrf: hrf.Weights(tr)}
	for i, words := range c.words {
		before, volumes := len(l.Words), borders[i+1]-borders[i]
		l.Hear(words, tr, c.o.start(i), borders[i], volumes)
		if len(l.Words) == before {
			return nil, step.BadInput(c.o.Words[i], "has no word within the %d volumes of %g s from %g s", volumes, tr, c.o.start(i))
		}
	}
	x, y := make([]float64, T), make([]float64, T)
	for n := range t.N {
		if !t.anchored(n, c.o.Q) {
			continue
		}
		m := t.bestOf[n]
		if err := c.neurons().ReadFloat64(ctx, n, n+1, x, 1); err != nil {
			return nil, err
		}
		for i := range y {
			y[i] = c.y.Data[i*M+m]
		}
		course := tile.Matrix{Rows: T, Cols: 1, Data: together(x, y, c.coupling().Borders, t.r[m*t.N+n])}
		words[n] = joinWords(l.Drivers(spread(course, c.censored).Data, c.o.TopWords))
	}
	return words, nil
}

// together is where both courses of a pair are up: the product of their z-scores
// within runs where both are positive, x turned around when r is negative, else 0.
func together(x, y []float64, borders op.Borders, r float64) []float64 {
	c := make([]float64, len(x))
	for f := range borders.Folds() {
		lo, hi := borders[f], borders[f+1]
		zx, zy := step.ZScore(x[lo:hi]), step.ZScore(y[lo:hi])
		for t := range zx {
			c[lo+t] = max(0, math.Copysign(1, r)*zx[t]) * max(0, zy[t])
		}
	}
	return c
}

// writeCoupling writes a row per artificial neuron: its best biological one.
func (c *coupler) writeCoupling(w io.Writer, t *pairs, words map[int]string) error {
	table := store.NewTableWriter(w, "column", "model", "layer", "unit", "tap", "biological", "r", "n_eff", "p", "q", "anchored", "words")
	for n, m := range t.bestOf {
		head := append([]string{strconv.Itoa(n)}, c.names.Of(n)...)
		if m < 0 {
			table.Row(append(head, "n/a", "n/a", "n/a", "n/a", "n/a", "0", "")...)
			continue
		}
		i := m*t.N + n
		table.Row(append(head, strconv.Itoa(m), step.Number(t.r[i]), step.Number(t.nEff[i]), step.Number(t.p[i]), step.Number(t.q[i]), step.YesNo(t.anchored(n, c.o.Q)), words[n])...)
	}
	return table.Flush()
}

// writeNetworks writes a row per biological neuron: how many artificial ones are
// coupled with it, and the best of them.
func (c *coupler) writeNetworks(w io.Writer, t *pairs, words map[int]string) error {
	table := store.NewTableWriter(w, "biological", "coupled", "best_of", "column", "model", "layer", "unit", "tap", "r", "n_eff", "p", "q", "anchored", "words")
	for m, n := range t.bestFor {
		coupled, bestOf := 0, 0
		for k := range t.N {
			if t.q[m*t.N+k] < c.o.Q {
				coupled++
			}
			if t.bestOf[k] == m {
				bestOf++
			}
		}
		i := m*t.N + n
		anchored, drivers := t.bestOf[n] == m && t.q[i] < c.o.Q, ""
		if anchored { // else the neuron's words are those of another pair
			drivers = words[n]
		}
		row := append([]string{strconv.Itoa(m), strconv.Itoa(coupled), strconv.Itoa(bestOf), strconv.Itoa(n)}, c.names.Of(n)...)
		table.Row(append(row, step.Number(t.r[i]), step.Number(t.nEff[i]), step.Number(t.p[i]), step.Number(t.q[i]), step.YesNo(anchored), drivers)...)
	}
	return table.Flush()
}
