package encode

import (
	"fmt"
	"slices"
	"strings"

	"voxen/study/internal/cv"
	"voxen/study/step"
)

// What holds of no single option.
const (
	withBands   = "bands"
	heldOut     = "held-out predictions"
	savesNested = "predictions of nested folds" // which are written where there are no held-out runs
)

// How to have it.
const (
	giveBands   = "give --bands, or --features NAME=FILE,NAME=FILE"
	giveHeldOut = "give --nested or --test-features and --test-responses"
)

// Facts says whether there are bands, and what is held out.
func (o *Options) Facts() map[string]string {
	facts := map[string]string{withBands: "", heldOut: "", savesNested: ""}
	if names := o.Names(o.Features); len(names) > 0 {
		facts[withBands] = "bands " + strings.Join(names, ",")
	} else if o.Bands != "" { // which Check refuses
		facts[withBands] = "--bands " + o.Bands
	}
	runs := len(o.TestFeatures)+len(o.TestResponses) > 0
	if runs || o.Nested {
		facts[heldOut] = heldOut
	}
	if o.Predictions && o.Nested && !runs {
		facts[savesNested] = "--save-predictions of --nested"
	}
	return facts
}

// rules are the options of encode that do not go together.
var rules = slices.Concat(step.RepeatsRules, step.CensoringRules, step.RunStepsRules, []step.Rule{
	step.Needs("--test-confounds", "--confounds", "held-out runs are treated as the others"),
	step.Needs("--metrics", heldOut, giveHeldOut),
	step.Needs("--save-predictions", heldOut, giveHeldOut),
	step.Not(savesNested, withBands, "of these the predictions of held-out runs are written alone, give --test-features and --test-responses"),
	step.Not(savesNested, "--by=layer|head", "of these the predictions of held-out runs are written alone, give --test-features and --test-responses"),

	step.Not("--model!=ridge", "--cv=loo|gcv", "a row that is left out has no closed form under an L1 penalty, expected kfold:N, runs or chunks"),
	step.Not("--form=kernel|svd", "--model!=ridge", "an L1 penalty has no such form, expected gram or rows"),
	step.Not("--form=svd", "--standardize=features|both", "features that are scaled within each fold have no decomposition in common, expected gram, rows or kernel"),
	step.Not("--form=svd", "--cv=loo|gcv", "rows are left out of one decomposition in any case, expected gram, rows or kernel"),
	step.Not("--nested", "--cv=loo|gcv|chunks:*", "expected folds, kfold:N or runs"),

	step.Needs("--band-samples", withBands, giveBands),
	step.Needs("--concentration", withBands, giveBands),
	step.Needs("--band-weights", withBands, giveBands),
	step.Needs("--split", withBands, giveBands),
	step.Needs("--partition", withBands, giveBands),
	step.Needs("--baseline", withBands, giveBands),
	step.Needs("--split", heldOut, giveHeldOut),
	step.Needs("--partition", heldOut, giveHeldOut),
	step.Needs("--baseline", heldOut, giveHeldOut),
	step.Not("--band-weights", "--band-samples", "weights are given or drawn, expected one of them"),
	step.Not("--band-weights", "--concentration", "weights are given or drawn, expected one of them"),
	step.Not("--null=blocks:*", withBands, "permuted predictions do not repeat the choice, expected shift:N or phase:N"),
	step.Not("--model!=ridge", withBands, "these are of ridge, expected one of them"),
	step.Not("--form=svd", withBands, "their weights change the decomposition, expected gram, rows or kernel"),

	step.Not("--by=layer|head", withBands, "a voxel has one layer, or all bands, expected one of them"),
	step.Not("--by=layer|head", "--model!=ridge", "layers are chosen of ridge, expected one of them"),
	step.Not("--by=layer|head", "--form=svd", "layers have no decomposition in common, expected gram, rows or kernel"),
	step.Not("--null=blocks:*", "--by=layer|head", "permuted predictions do not repeat the choice, expected shift:N or phase:N"),

	step.Needs("--maps=product", heldOut, giveHeldOut),
	step.Not("--maps=product", "--model!=ridge", "contributions are of ridge, expected --maps weights"),
	step.Not("--maps=product", "--form=svd", "contributions are of features, expected gram, rows or kernel"),
	step.Not("--maps=product|weights", "--by=layer|head", "a voxel has the weights of its best layer alone, expected one of them"),

	step.Needs("--isc", heldOut, giveHeldOut),
	step.Needs("--isc-confounds", "--isc", "the responses that they are of"),
	step.Needs("--isc-confounds", "--confounds", "the others are treated as this subject"),
})

// Rules are those of pairs of options.
func (o *Options) Rules() []step.Rule { return rules }

// Check refuses lists that do not belong together, and what cannot be read.
func (o *Options) Check() error {
	if o.Folds.Given {
		if folds := fmt.Sprintf("kfold:%d", o.Folds.Value); o.CV == "" {
			o.CV = folds
		} else if o.CV != folds {
			return step.BadInput("", "--folds %d and --cv %s are given, expected one of them", o.Folds.Value, o.CV)
		}
	}
	if err := o.Censoring.Check(); err != nil {
		return err
	}
	if err := o.Trims.Check(); err != nil {
		return err
	}
	if err := o.checkISC(); err != nil {
		return err
	}
	if err := o.Banded.Check(o.Features, o.TestFeatures); err != nil {
		return err
	}
	if err := o.Repeats.Check(len(o.TestFeatures), len(o.TestResponses)); err != nil {
		return err
	}
	pairs := []struct {
		n, m int
		what string
	}{
		{len(o.Features), len(o.Responses), "files of features and %d of responses"},
		{len(o.testFiles(len(o.TestResponses))), len(o.TestResponses), "test files of features and %d of responses"},
	}
	if len(o.Confounds) > 0 {
		confounded := len(o.TestResponses)
		if o.TestRepeats && confounded == 1 { // one array of all repeats
			confounded = len(o.TestConfounds)
		}
		pairs = append(pairs, []struct {
			n, m int
			what string
		}{
			{len(o.Confounds), len(o.Responses), "files of confounds and %d of responses"},
			{len(o.TestConfounds), confounded, "test files of confounds and %d of responses"},
		}...)
	}
	for _, p := range pairs {
		if p.n != p.m {
			return step.BadInput("", "%d "+p.what+", expected one of each per run", p.n, p.m)
		}
	}
	if o.Runs != "" && len(o.Features) > 1 {
		return step.BadInput(o.Runs, "is given, but %d files are runs already", len(o.Features))
	}
	for i, m := range o.Metrics {
		if !slices.Contains([]string{"r", "r2", "mse"}, m) {
			return step.BadInput("", "--metrics %q, expected r, r2 or mse, with commas between", strings.Join(o.Metrics, ","))
		}
		if slices.Contains(o.Metrics[:i], m) {
			return step.BadInput("", "--metrics %s names %s twice", strings.Join(o.Metrics, ","), m)
		}
	}
	if o.CV != "" {
		if f, err := cv.Parse(o.CV); err != nil {
			return err
		} else if o.Nested && f.N == 2 && !f.Within {
			return step.BadInput("", "--nested with --cv %s, expected at least 3 folds", o.CV)
		}
	}
	if err := o.Written.Check(); err != nil {
		return err
	}
	if err := o.Chance.Check(); err != nil {
		return err
	}
	_, err := o.plan()
	return err
}

// checkISC refuses others who are not compared with anything, and asks for the r that
// is.
func (o *Options) checkISC() error {
	own := o.subject().Files
	if err := o.Others.Check(own, len(o.Confounds) > 0); err != nil || len(o.ISC) == 0 {
		return err
	}
	if !slices.Contains(o.Metrics, "r") {
		o.Metrics = append(slices.Clone(o.Metrics), "r")
	}
	r := "nested_r"
	if len(o.TestResponses) > 0 {
		r = "test_r"
	}
	if !o.Includes(r) {
		return o.LeavesOut("--isc is compared with", r)
	}
	return nil
}
