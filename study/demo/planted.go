package demo

import (
	"context"
	"fmt"
	"io"
	"path/filepath"
	"strconv"

	"voxen/brain"
	"voxen/engine/dict"
	"voxen/store"
	"voxen/study/encode"
	"voxen/study/learn"
	"voxen/study/match"
	"voxen/study/organize"
	"voxen/study/step"
)

// PlantedOptions are the options of a simulated study in which the answer is known.
type PlantedOptions struct {
	Responses string // (T, N): a language model's, to learn atoms from
	Templates string // labels of networks: two atoms are planted in each
	Table     string // their names and colours; "": the .tsv beside them
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
	Draws     int               `json:"draws"`
	Pairs     int               `json:"pairs"`     // planted
	Recovered int               `json:"recovered"` // best match is the network, q < 0.05
	Matched   int               `json:"matched"`   // atoms, planted or alike
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

// PlantedStudy learns atoms from real responses, simulates the BOLD of subjects in
// whose networks two atoms each are planted (see Planted), and runs the steps of a
// study on them: encode, match, organize. Out gets a folder per step, and planted.tsv
// with what was planted and whether it was found.
func PlantedStudy(ctx context.Context, e *step.Env, o PlantedOptions) (PlantedSummary, error) {
	e.Begin()
	sum := PlantedSummary{Out: o.Out, Subjects: o.Subjects, Draws: o.Draws}
	if o.Subjects < 1 {
		return sum, step.BadInput("", "%d subjects, expected at least 1", o.Subjects)
	}
	x := &plantedStudy{e: e, o: o}
	fit := learn.New()
	fit.Responses, fit.Out = []string{o.Responses}, x.path("dictionary")
	if _, err := step.Do[*learn.Summary](ctx, x.env(), fit); err != nil {
		return sum, err
	}
	if err := x.simulate(ctx); err != nil {
		return sum, err
	}
	matched, err := x.fit(ctx)
	if err != nil {
		return sum, err
	}
	sum.Voxels, sum.Matched = matched.Voxels, matched.Matched
	sorted := organize.New()
	sorted.Codes, sorted.Matches = []string{x.path("dictionary", "codes.npz")}, []string{x.path("match", "matches.tsv")}
	sorted.Responses, sorted.Out = []organize.Runs{{o.Responses}}, x.path("organize")
	sum.Organize, err = step.Do[*organize.Summary](ctx, x.env(), sorted)
	if err != nil {
		return sum, err
	}
	sum.Simulated = fmt.Sprintf("The BOLD of all %d subjects is simulated: two atoms planted in each network, noise that is smooth in space and time.", o.Subjects)
	return sum, x.compare(&sum)
}

// plantedStudy is one call of PlantedStudy.
type plantedStudy struct {
	e     *step.Env
	o     PlantedOptions
	atlas *brain.Atlas
	pairs []Pair
	runs  []string // BOLD of every subject
}

func (x *plantedStudy) path(name ...string) string {
	return filepath.Join(append([]string{x.o.Out}, name...)...)
}

// env is a copy of the environment for one step.
func (x *plantedStudy) files() brain.Files { return brain.Files{FS: x.e.FS} }

func (x *plantedStudy) env() *step.Env { e := *x.e; return &e }

// simulate writes the BOLD of every subject and the mask of its voxels.
func (x *plantedStudy) simulate(ctx context.Context) error {
	var err error
	if x.atlas, err = x.files().Atlas(ctx, x.o.Templates, x.o.Table); err != nil {
		return err
	}
	mask, err := x.files().Mask(ctx, x.o.Templates, nil)
	if err != nil {
		return err
	}
	values, shape, err := store.LoadFloat64(ctx, x.e.FS, x.path("dictionary", "atoms.npy"))
	if err != nil {
		return err
	}
	p, err := Plant(x.atlas, mask, dict.Matrix{Rows: shape[0], Cols: shape[1], Data: values}, PlantOptions{Seed: x.o.Seed, Null: x.o.Null})
	if err != nil {
		return err
	}
	x.pairs = p.Pairs
	if err := x.e.FS.MkdirAll(x.path("data")); err != nil {
		return err
	}
	if err := x.files().WriteMask(ctx, x.path("data", "mask.nii.gz"), mask); err != nil {
		return err
	}
	return x.e.Stage("simulating BOLD", x.o.Subjects, func() error {
		for s := range x.o.Subjects {
			if err := ctx.Err(); err != nil {
				return context.Cause(ctx)
			}
			y := p.Subject()
			path := x.path("data", fmt.Sprintf("sub-%02d_desc-simulated_bold.npy", s+1))
			if err := store.SaveNpy(x.e.FS, path, []int{y.Rows(), y.Cols()}, y.Data); err != nil {
				return err
			}
			x.runs = append(x.runs, path)
			x.e.Report.Progress(s + 1)
		}
		return nil
	})
}

// fit encodes every subject and matches the mean maps.
func (x *plantedStudy) fit(ctx context.Context) (*match.Summary, error) {
	o := match.New()
	o.Mask, o.Templates, o.Table, o.Out = x.path("data", "mask.nii.gz"), x.o.Templates, x.o.Table, x.path("match")
	o.Draws, o.Seed = x.o.Draws, x.o.Seed
	for s, run := range x.runs {
		out := x.path(fmt.Sprintf("sub-%02d", s+1))
		fit := encode.New()
		fit.Features, fit.Responses, fit.PerRun, fit.Out = []string{x.path("dictionary", "atoms.npy")}, []string{run}, "zscore", out
		_, err := step.Do[*encode.Summary](ctx, x.env(), fit)
		if err != nil {
			return nil, err
		}
		o.Maps = append(o.Maps, filepath.Join(out, "weights.npy"))
	}
	return step.Do[*match.Summary](ctx, x.env(), o)
}

// compare says which pairs were found.
func (x *plantedStudy) compare(sum *PlantedSummary) error {
	t, err := store.ReadTable(x.e.FS, x.path("match", "matches.tsv"))
	if err != nil {
		return err
	}
	atoms := len(t.Rows) / len(x.atlas.Labels)
	_, given, err := organize.ParseMatches(t, atoms)
	if err != nil {
		return err
	}
	found := (&organize.MatchedAtoms{Given: given}).Of(0.05)
	for b, label := range x.atlas.Labels {
		n := PlantedNetwork{Network: label.Name}
		for _, p := range x.pairs {
			if p.Network != b {
				continue
			}
			n.Atoms, n.Recovered = append(n.Atoms, p.Atom), append(n.Recovered, found[p.Atom] == b)
			sum.Pairs++
			if found[p.Atom] == b {
				sum.Recovered++
			}
		}
		sum.Networks = append(sum.Networks, n)
	}
	return store.WriteFile(x.e.FS, x.path("planted.tsv"), func(w io.Writer) error {
		t := store.NewTableWriter(w, "network", "atom", "recovered")
		for _, n := range sum.Networks {
			for i, k := range n.Atoms {
				t.Row(n.Network, strconv.Itoa(k), step.YesNo(n.Recovered[i]))
			}
		}
		return t.Flush()
	})
}
