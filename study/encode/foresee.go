package encode

import (
	"fmt"

	"voxen/brain"
	"voxen/study/step"
)

// Foresee says what is known of a fit before its responses are read: raw images, tables
// of confounds, and whether its scores are of what was held out.
func (o *Options) Foresee(e *step.Env) ([]string, error) {
	var lines []string
	if o.PerRun == "none" && o.Detrend == "none" && len(o.Confounds) == 0 && !o.Intercept && o.Standardize != "responses" && o.Standardize != "both" && brain.KindByName(o.Responses[0]) != nil {
		lines = append(lines, "images are fitted without an intercept or per-run steps; if they are raw, scores will be of the mean")
	}
	if !o.Nested && len(o.TestResponses) == 0 {
		lines = append(lines, "nothing is held out: scores are those by which alphas are chosen, above 0 on noise too, and are not tested")
	}
	if o.NoConfounds() {
		return lines, nil
	}
	confounds, err := o.RunSteps.Foresee(e, o.Confounds, o.Runs != "")
	if err != nil {
		return nil, fmt.Errorf("confounds: %w", err)
	}
	return append(lines, confounds...), nil
}
