package report

import (
	"context"
	"fmt"
	"math"
	"slices"

	"voxen/brain"
	"voxen/study/step"
)

// significance is where scores stand out from a voxel-wise null (encode --null): of
// several subjects, where they do in half of those or more.
type significance struct {
	subjects int
	volume   []bool    // of grids
	cortex   [2][]bool // of surfaces
}

// said names the rule.
func (s *significance) said() string {
	if s.subjects == 1 {
		return "q < 0.05"
	}
	return fmt.Sprintf("q < 0.05 in at least half of %d subjects", s.subjects)
}

// note stands beside the scale of a score.
func (s *significance) note() string {
	if s == nil {
		return ""
	}
	return "full colour: " + s.said() + "; faded: not"
}

// caption says what a map of scores shows of chance.
func (s *significance) caption() string {
	if s == nil {
		return " There is no voxel-wise null: the map says nothing of significance."
	}
	return " In full colour where " + s.said() + ", the false discovery rate over voxels by refits of the null; faded elsewhere."
}

// maskCaption says which voxels of an atom's map are shown.
func (s *significance) maskCaption() string {
	if s == nil {
		return " All voxels are shown: there is no voxel-wise null of the scores to mask them by."
	}
	return " Shown where the score has " + s.said() + "; that says nothing of single weights."
}

// tested are the folders of a model's subjects that have q of the score that is shown.
func (b *reporter) tested(m Model) (dirs []string) {
	for i, dir := range m.Encode {
		run := b.of(m.Name + ": encode " + m.Subjects[i])
		if run != nil && run.Results["null_draws"] > 0 && comparedScore(run) == b.shownScore(m).file {
			dirs = append(dirs, dir)
		}
	}
	return dirs
}

// onVolume finds significance on the grid of a map; nil without a null there.
func (b *reporter) onVolume(ctx context.Context, m Model, grid *brain.Grid) (*significance, error) {
	s := &significance{}
	counts := make([]int, grid.Voxels())
	for _, dir := range b.tested(m) {
		q, path, err := b.resultOf(ctx, m, dir, "q")
		if err != nil {
			return nil, err
		}
		if q == nil {
			continue
		}
		if err := q.Grid.Same(grid); err != nil {
			return nil, step.BadInput(path, "is not on the grid of the scores: %v", err)
		}
		s.subjects++
		countBelow(counts, q.Values)
	}
	if s.subjects == 0 {
		return nil, nil
	}
	s.volume = atLeastHalf(counts, s.subjects)
	return s, nil
}

// onCortex finds significance on surfaces; nil without a null there.
func (b *reporter) onCortex(ctx context.Context, m Model) (*significance, error) {
	s := &significance{}
	var counts [2][]int
	for _, dir := range b.tested(m) {
		c, err := b.openCortex(ctx, dir, "q")
		if err != nil {
			return nil, err
		}
		if c == nil {
			continue
		}
		q, err := c.row(ctx, 0)
		c.Close()
		if err != nil {
			return nil, err
		}
		s.subjects++
		for side, values := range q {
			if counts[side] == nil {
				counts[side] = make([]int, len(values))
			}
			if len(counts[side]) != len(values) {
				return nil, step.BadInput(c.paths[0], "has %d vertices, expected %d as the other subjects", len(values), len(counts[side]))
			}
			countBelow(counts[side], values)
		}
	}
	if s.subjects == 0 {
		return nil, nil
	}
	for side := range counts {
		s.cortex[side] = atLeastHalf(counts[side], s.subjects)
	}
	return s, nil
}

func countBelow(counts []int, q []float64) {
	for i, x := range q {
		if x < 0.05 {
			counts[i]++
		}
	}
}

func atLeastHalf(counts []int, n int) []bool {
	solid := make([]bool, len(counts))
	for i, c := range counts {
		solid[i] = 2*c >= n
	}
	return solid
}

// masked are values where they are solid, NaN elsewhere; all of them without a mask.
func masked(values []float64, solid []bool) []float64 {
	if solid == nil {
		return values
	}
	out := slices.Clone(values)
	for i := range out {
		if i >= len(solid) || !solid[i] {
			out[i] = math.NaN()
		}
	}
	return out
}
