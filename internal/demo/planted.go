package demo

import (
	"context"
	"fmt"
	"path/filepath"

	"voxen/study/encode"
	"voxen/study/learn"
	"voxen/study/match"
	"voxen/study/null"
	"voxen/study/organize"
	"voxen/study/step"
)

// Of every voxel's variance, the share that is a course of its network, of each subject's
// own; the mean loading of planted atoms in between-subject SDs; how coarse the grid of
// the templates becomes: as docs/truth-check.md has it. 200 draws of so many atoms let four
// of them pass a false discovery rate of 5%.
const (
	networksInNoise = 0.05
	plantedLoading  = 2
	coarser         = 2
	plantedAtoms    = 32
)

// plantedAlpha is less than the mean eigenvalue of the atoms, T = 372: a map is about its
// own atom. Predictions of signals this weak are best at 1e4, where it is about all atoms
// that go with it too (docs/truth-check.md, "Which alpha maps are made with").
const plantedAlpha = "300"

// PlantedOptions are the options of a simulated study in which the answer is known.
type PlantedOptions struct {
	Responses string // (T, N): a language model's, to learn atoms from
	Templates string // labels of networks: an atom is planted in each
	Table     string // their names and colours
	Subjects  int
	Draws     int
	Seed      uint64
	Null      bool // noise alone
	Out       string
}

// PlantedSummary is what came back of what was planted. The BOLD is simulated.
type PlantedSummary struct {
	Out       string            `json:"out"`
	Simulated string            `json:"simulated"` // what was, in a sentence
	Subjects  int               `json:"subjects"`
	Voxels    int               `json:"voxels"`
	Atoms     int               `json:"atoms"`
	Draws     int               `json:"draws"`     // of each null
	Pairs     int               `json:"pairs"`     // planted
	Recovered int               `json:"recovered"` // best match is the network, q < 0.05
	Others    int               `json:"others"`    // atoms that were not planted and belong to a network
	Matched   int               `json:"matched"`   // atoms that belong to a network, planted or not
	Networks  []PlantedNetwork  `json:"networks"`
	Organize  *organize.Summary `json:"organize"`
	Report    string            `json:"report,omitempty"` // of the demo
}

// PlantedNetwork is a network with the atoms planted in it.
type PlantedNetwork struct {
	Network   string `json:"network"`
	Atoms     []int  `json:"atoms"`
	Recovered []bool `json:"recovered"`
}

// PlantedStudy learns atoms from real responses, simulates the BOLD of subjects whose
// networks are active by themselves and have one atom each planted in them (see Planted),
// and runs the steps of a study on them: encode, null, match, organize. Out gets a folder per step, and planted.tsv
// with what was planted and whether it was found.
func PlantedStudy(ctx context.Context, e *step.Env, o PlantedOptions) (PlantedSummary, error) {
	sum := PlantedSummary{Out: o.Out, Subjects: o.Subjects, Draws: o.Draws}
	x := &plantedStudy{e: e, o: o}
	fit := learn.New()
	fit.Responses, fit.Atoms, fit.Out = []string{o.Responses}, plantedAtoms, x.path("dictionary")
	if _, err := step.Do[*learn.Summary](ctx, x.env(), fit); err != nil {
		return sum, err
	}
	planted, err := step.Do[*simulated](ctx, x.env(), &simulation{Atoms: x.path("dictionary", "atoms.npy"), Templates: o.Templates, Table: o.Table,
		Out: x.path("data"), Subjects: o.Subjects, Seed: o.Seed, Null: o.Null})
	if err != nil {
		return sum, err
	}
	matched, err := x.fit(ctx)
	if err != nil {
		return sum, err
	}
	sum.Voxels, sum.Atoms, sum.Matched = matched.Voxels, matched.Atoms, matched.Matched
	sorted := organize.New()
	sorted.Codes, sorted.Matches = []string{x.path("dictionary", "codes.npz")}, []string{x.path("match", "matches.tsv")}
	sorted.Responses, sorted.Out = []organize.Runs{{o.Responses}}, x.path("organize")
	sum.Organize, err = step.Do[*organize.Summary](ctx, x.env(), sorted)
	if err != nil {
		return sum, err
	}
	found, err := step.Do[*compared](ctx, x.env(), &comparison{Matches: x.path("match", "matches.tsv"), Out: x.path("planted.tsv"), planted: planted})
	if err != nil {
		return sum, err
	}
	sum.Pairs, sum.Recovered, sum.Others, sum.Networks = found.pairs, found.recovered, found.others, found.networks
	sum.Simulated = sum.words()
	return sum, nil
}

// words say what is simulated, and what of it was found.
func (p *PlantedSummary) words() string {
	return fmt.Sprintf("The BOLD of all %d subjects is simulated: one atom is planted in each of %d networks, in noise that is smooth in space and time and of whose variance %.0f%% is a course of the network, of each subject's own. "+
		"Of the %d planted atoms %d are found and %d missed; of the %d others, of which some resemble a planted one, a network is found for %d.",
		p.Subjects, len(p.Networks), 100*networksInNoise, p.Pairs, p.Recovered, p.Pairs-p.Recovered, p.Atoms-p.Pairs, p.Others)
}

// plantedStudy is one call of PlantedStudy.
type plantedStudy struct {
	e *step.Env
	o PlantedOptions
}

func (x *plantedStudy) path(name ...string) string {
	return filepath.Join(append([]string{x.o.Out}, name...)...)
}

// env is a copy of the environment for one step.
func (x *plantedStudy) env() *step.Env { e := *x.e; return &e }

// fit encodes every subject, makes the stimulus null and matches the mean maps.
func (x *plantedStudy) fit(ctx context.Context) (*match.Summary, error) {
	o := match.New()
	o.Mask, o.Templates, o.Table, o.Out = x.path("data", "mask.nii.gz"), x.o.Templates, x.o.Table, x.path("match")
	o.Draws, o.Seed = x.o.Draws, x.o.Seed
	n := null.New()
	n.Features, n.Templates, n.Table, n.Mask, n.Out = []string{x.path("dictionary", "atoms.npy")}, o.Templates, o.Table, o.Mask, x.path("null")
	n.PerRun, n.Alphas, n.CV, n.Draws, n.Seed = "zscore", plantedAlpha, "kfold:3", x.o.Draws, x.o.Seed
	for s := range x.o.Subjects {
		run, out := x.path("data", simulatedRun(s)), x.path(fmt.Sprintf("sub-%02d", s+1))
		fit := encode.New()
		fit.Features, fit.Responses, fit.Out = n.Features, []string{run}, out
		fit.PerRun, fit.Alphas, fit.CV, fit.Score, fit.Nested = n.PerRun, n.Alphas, n.CV, n.Score, true
		n.Responses = append(n.Responses, run)
		_, err := step.Do[*encode.Summary](ctx, x.env(), fit)
		if err != nil {
			return nil, err
		}
		o.Maps = append(o.Maps, filepath.Join(out, "weights.npy"))
	}
	if _, err := step.Do[*null.Summary](ctx, x.env(), n); err != nil {
		return nil, err
	}
	o.Stimulus = n.Out
	return step.Do[*match.Summary](ctx, x.env(), o)
}
