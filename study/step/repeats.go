package step

// Repeats are the options of held-out runs that are presentations of one stimulus.
type Repeats struct {
	TestRepeats   bool `opt:"test-repeats" doc:"all --test-responses are repeats of one stimulus, a file of each or one array (repeats, time, voxels), with one --test-features: scores are of their mean"`
	ZScoreRepeats bool `opt:"zscore-repeats" doc:"z-score the mean of the repeats again before it is scored"`
}

// RepeatsRules are those of Repeats.
var RepeatsRules = []Rule{Needs("--zscore-repeats", "--test-repeats", "there is no mean of repeats")}

// Check refuses repeats that are none.
func (r Repeats) Check(features, responses int) error {
	switch {
	case !r.TestRepeats:
		return nil
	case responses < 1:
		return BadInput("", "--test-repeats without --test-responses: expected a file of each repeat, or one array of all (repeats, time, voxels)")
	case features != 1:
		return BadInput("", "--test-repeats with %d files of features, expected one: what was presented in all repeats", features)
	}
	return nil
}

// EachConfounds wants confounds of every repeat or of none; with one array of all, how many
// there are is known once it is open.
func (r Repeats) EachConfounds(confounds []string, y *Responses) error {
	if n := len(y.Parts); r.TestRepeats && len(confounds) > 0 && len(confounds) != n {
		return BadInput(confounds[0], "is one of %d files of confounds, and there are %d repeats: expected one of each", len(confounds), n)
	}
	return nil
}

// EqualRows wants repeats of one length.
func (r Repeats) EqualRows(y *Responses) error {
	b := y.Borders()
	for i := range b.Folds() {
		if r.TestRepeats && b.Rows(i) != b.Rows(0) {
			return BadInput(y.Paths[i], "has %d rows, %s has %d: repeats of one stimulus have the same", b.Rows(i), y.Paths[0], b.Rows(0))
		}
	}
	return nil
}

// Names of what repeats say of a voxel.
const (
	ExplainableVariance = "explainable_variance"
	NoiseCeiling        = "noise_ceiling"
	Normalized          = "test_r_normalized"
)

// Names of what the responses of others say of a voxel.
const (
	ISC        = "isc"
	ISCCeiling = "isc_ceiling"
	ISCP       = "isc_p"
)

// ISCNormalized names r divided by the ceiling: test_r, or nested_r.
func ISCNormalized(r string) string { return r + "_isc_normalized" }

// NoCeiling says why a voxel has no ceiling.
const NoCeiling = "without a noise ceiling: explainable variance of at most 0.01"
