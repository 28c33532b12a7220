package step

import (
	"math"
	"slices"
)

// ScoreSummary is how a score is spread over the voxels that have one.
type ScoreSummary struct {
	Name    string  `json:"name"` // of its file: cv_score, nested_score, test_score, test_r ...
	Median  float64 `json:"median"`
	High    float64 `json:"percentile_95"`
	Highest float64 `json:"maximum"`
	Above0  int     `json:"above_0"`
	Voxels  int     `json:"voxels"`
}

// Note puts the numbers into run.json.
func (s ScoreSummary) Note(r *Run) {
	r.Result(s.Name+"_median", s.Median)
	r.Result(s.Name+"_percentile_95", s.High)
	r.Result(s.Name+"_maximum", s.Highest)
	r.Result(s.Name+"_above_0", float64(s.Above0))
}

// Summarize sorts the scores of the voxels that have one, and says how they are spread.
func Summarize(name string, scores []float64) ScoreSummary {
	s := ScoreSummary{Name: name, Voxels: len(scores)}
	if len(scores) == 0 {
		return s
	}
	slices.Sort(scores)
	first, _ := slices.BinarySearch(scores, math.SmallestNonzeroFloat64)
	s.Median, s.High, s.Highest, s.Above0 = Quantile(scores, 0.5), Quantile(scores, 0.95), scores[len(scores)-1], len(scores)-first
	return s
}
