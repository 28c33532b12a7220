// Package pvalues reads --null of encode and score, and says what the draws of a null say of
// a score.
package pvalues

import (
	"fmt"
	"math"
	"slices"
	"strconv"
	"strings"

	"voxen/engine/ridge"
	"voxen/internal/permute"
	"voxen/internal/stimulus"
	"voxen/study/step"
)

// Plan is --null read.
type Plan struct {
	Kind stimulus.Kind
	N    int // draws
	Rows int // least lag, or length of blocks; 0: not given
}

// Blocks is the null of rows that are permuted by blocks.
const Blocks stimulus.Kind = "blocks"

// forms are how each kind is written.
var forms = map[stimulus.Kind]string{stimulus.Shift: "shift:N, shift:N,min=L", stimulus.Phase: "phase:N", Blocks: "blocks:N or blocks:N,length=L"}

// mostDraws bounds N: the maxima of all draws are in memory.
const mostDraws = 1_000_000

// Parse reads --null of some kinds; nil of an empty text.
func Parse(text string, kinds ...stimulus.Kind) (*Plan, error) {
	if text == "" {
		return nil, nil
	}
	bad := func(want string) (*Plan, error) {
		return nil, step.BadInput("", "--null %q, expected %s", text, want)
	}
	var form []string
	for _, kind := range kinds {
		form = append(form, forms[kind])
	}
	head, rest, more := strings.Cut(text, ",")
	kind, count, _ := strings.Cut(head, ":")
	p := &Plan{Kind: stimulus.Kind(kind)}
	if !slices.Contains(kinds, p.Kind) {
		return bad(strings.Join(form, ", "))
	}
	parameter := map[stimulus.Kind]string{stimulus.Shift: "min", stimulus.Phase: "", Blocks: "length"}[p.Kind]
	var err error
	if p.N, err = strconv.Atoi(count); err != nil || p.N < 1 || p.N > mostDraws {
		return bad(fmt.Sprintf("%s:N with N from 1 to %d draws", kind, mostDraws))
	}
	if !more {
		return p, nil
	}
	name, value, _ := strings.Cut(rest, "=")
	if parameter == "" || name != parameter {
		return bad(strings.Join(form, ", "))
	}
	if p.Rows, err = strconv.Atoi(value); err != nil || p.Rows < 1 || p.Rows > math.MaxInt32 {
		return bad(parameter + "=L with L rows, at least 1")
	}
	return p, nil
}

// Summary is what the null says of a score.
type Summary struct {
	Of          string  `json:"of"`   // the file of the score
	Kind        string  `json:"kind"` // shift, phase or blocks
	Draws       int     `json:"draws"`
	Voxels      int     `json:"voxels"`      // that have a score
	Significant int     `json:"significant"` // of them with q < 0.05
	Familywise  int     `json:"familywise"`  // with p_fwe < 0.05
	Mean        float64 `json:"mean"`        // of null_mean over voxels
}

// String says it in a line.
func (s *Summary) String() string {
	return fmt.Sprintf("%s against %d draws of %s: q < 0.05 in %d of %d voxels, familywise p < 0.05 in %d; mean of the null %.3f", s.Of, s.Draws, s.Kind, s.Significant, s.Voxels, s.Familywise, s.Mean)
}

// falseRate is the rate of false discoveries, and of any false one, by which voxels are counted.
const falseRate = 0.05

// Row is a result, a value of each voxel.
type Row struct {
	Name   string
	Values []float64
}

// Of gives p, q, the familywise p and the mean of the null of the observed scores of a file,
// and counts, in run.json too.
func Of(run *step.Run, null *ridge.NullScores, observed []float64, of string, kind stimulus.Kind) ([]Row, *Summary) {
	p, familywise, mean := null.P(observed)
	q := permute.FDR(p)
	s := &Summary{Of: of, Kind: string(kind), Draws: null.Draws}
	finite := 0
	for v, x := range q {
		if x != x {
			continue
		}
		s.Voxels++
		if mean[v]-mean[v] == 0 {
			finite++
			s.Mean += mean[v]
		}
		if x < falseRate {
			s.Significant++
		}
		if familywise[v] < falseRate {
			s.Familywise++
		}
	}
	s.Mean /= float64(max(1, finite))
	run.Result("null_draws", float64(s.Draws))
	run.Result("null_mean", s.Mean)
	run.Result("null_voxels", float64(s.Voxels))
	run.Result("null_q_below_0.05", float64(s.Significant))
	run.Result("null_p_fwe_below_0.05", float64(s.Familywise))
	return []Row{{"p", p}, {"q", q}, {"p_fwe", familywise}, {"null_mean", mean}}, s
}
