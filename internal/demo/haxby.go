package demo

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strconv"

	"voxen/brain"
	"voxen/internal/plotting"
	"voxen/store"
	"voxen/study/encode"
	"voxen/study/step"
)

// haxbyRuns, haxbyVolumes and haxbyTR are the shape of the shipped data.
const (
	haxbyRuns    = 12
	haxbyVolumes = 121
	haxbyTR      = 2.5
)

// haxbyImages are one of the two sets of images that are shipped.
type haxbyImages struct {
	name  string // of the folder of results
	desc  string // in the names of the files
	title string
	mask  string
}

var (
	slice      = haxbyImages{"haxby-slice", "slice", "one slice", ""}
	wholeBrain = haxbyImages{"haxby-25mm", "25mm", "whole brain at 25 mm", "haxby2001/sub-1_desc-25mm_mask.nii.gz"}
)

// HaxbySummary is what the demo found in one set of images: in the fit of the
// responses, and in that of the differences between categories, for which the
// response to being shown anything was removed.
type HaxbySummary struct {
	Title       string   `json:"title"`
	Voxels      int      `json:"voxels"` // those that vary
	Constant    int      `json:"constant"`
	Draws       int      `json:"draws"`
	Responses   HaxbyFit `json:"responses"`
	Differences HaxbyFit `json:"differences"`
}

// HaxbyFit is one of the two fits.
type HaxbyFit struct {
	Name        string         `json:"name"`
	Threshold   float64        `json:"threshold"` // r above which p < 0.05
	Significant int            `json:"significant"`
	Prefer      map[string]int `json:"prefer"` // of those, how many respond most to each category
	Best        []HaxbyVoxel   `json:"best"`
}

// HaxbyVoxel is a voxel with its model: the weights are of the categories, in
// SDs of the voxel within a run per SD of the category's regressor; of
// differences less their mean.
type HaxbyVoxel struct {
	Index   int                `json:"index"`
	IJK     [3]int             `json:"ijk"`
	MM      [3]float64         `json:"mm"`
	R       float64            `json:"r"`
	P       float64            `json:"p"`
	Alpha   float64            `json:"alpha"`
	Prefers string             `json:"prefers"`
	Weights map[string]float64 `json:"weights"`
}

// haxby fits the voxels of one set of images with the eight categories, once as
// they are and once for their differences.
func (d *demo) haxby(ctx context.Context, im haxbyImages) error {
	sum := HaxbySummary{Title: im.title, Draws: d.o.Draws}
	for _, h := range []*haxbyFit{{d: d, im: im, name: im.name}, {d: d, im: im, name: im.name + "-differences", differences: true}} {
		found, err := h.fit(ctx)
		if err != nil {
			return err
		}
		sum.Voxels, sum.Constant = len(h.order), len(h.score)-len(h.order)
		if h.differences {
			sum.Differences = found
		} else {
			sum.Responses = found
		}
	}
	d.sum.Haxby = append(d.sum.Haxby, sum)
	return nil
}

// haxbyFit is a fit of one set of images.
type haxbyFit struct {
	d    *demo
	im   haxbyImages
	name string // of the folder of results
	// differences fits what sets the categories apart: the sum of their regressors
	// is a confound of every run. Shuffled labels leave that sum as it is, so a
	// voxel that responds to everything alike raises the null of the other fit.
	differences bool

	categories []string
	blocks     [haxbyRuns][]haxbyBlock
	null       []float64

	mask            *brain.Mask
	mean            *brain.Volume // of the BOLD over all volumes
	score, alpha, p []float64
	weights         []float64 // categories x voxels
	order           []int     // voxels that vary, the best first
	threshold       float64
}

// fit runs the steps and writes the tables and figures.
func (h *haxbyFit) fit(ctx context.Context) (HaxbyFit, error) {
	var found HaxbyFit
	if err := h.read(); err != nil {
		return found, err
	}
	what := "responses"
	if h.differences {
		what = "differences"
	}
	err := h.d.step("Haxby, "+h.im.title+", "+what, func(e *step.Env) error {
		if _, err := step.Do[*encode.Summary](ctx, e, h.options()); err != nil {
			return err
		}
		var err error
		h.null, err = encode.ScoreNull(ctx, h.d.Worker, h.options(), h.d.o.Draws, h.shuffled)
		return err
	})
	if err != nil {
		return found, err
	}
	if err := h.load(ctx); err != nil {
		return found, err
	}
	found = h.summary()
	if err := h.tables(); err != nil {
		return found, err
	}
	return found, h.figures()
}

// responses are the images of a run.
func (h *haxbyFit) responses(run int) string {
	return h.d.data(fmt.Sprintf("haxby2001/sub-1_task-objectviewing_run-%02d_desc-%s_bold.nii.gz", run+1, h.im.desc))
}

// options are those of the encode step: voxen encode with the same flags gives
// the same results.
func (h *haxbyFit) options() *encode.Options {
	o := encode.New()
	o.Out, o.Detrend, o.PerRun, o.Score, o.CV = filepath.Join(h.d.o.Out, h.name), "linear", "zscore", "r", "runs"
	if h.im.mask != "" {
		o.Mask = h.d.data(h.im.mask)
	}
	for run := range haxbyRuns {
		o.Features = append(o.Features, h.d.data(designName(run)))
		o.Responses = append(o.Responses, h.responses(run))
		if h.differences {
			o.Confounds = append(o.Confounds, h.d.data(shownName(run)))
		}
	}
	return o
}

// read takes the categories and the blocks of every run from its events.
func (h *haxbyFit) read() error {
	for run := range haxbyRuns {
		events, blocks, err := haxbyBlocks(h.d.files(), h.d.data(eventsName(run)))
		if err != nil {
			return err
		}
		h.categories, h.blocks[run] = events.TrialTypes(), blocks
	}
	return nil
}

// shuffled fills dst with the regressors of all runs after the labels of the
// blocks were shuffled within each run. The blocks stay where they were, so a
// draw keeps what all categories share, the response to being shown anything:
// the null is that of no difference between categories.
func (h *haxbyFit) shuffled(draw int, dst []float64) {
	clear(dst)
	rng := rand.New(rand.NewPCG(h.d.o.Seed, uint64(draw)))
	K := len(h.categories)
	for run, blocks := range h.blocks {
		labels := rng.Perm(K)
		at := dst[run*haxbyVolumes*K:]
		for _, b := range blocks {
			for t, x := range b.response {
				at[t*K+labels[b.category]] += x
			}
		}
	}
}

// load reads the results of the fit back, and what the figures need besides.
func (h *haxbyFit) load(ctx context.Context) error {
	out := h.options().Out
	for name, dst := range map[string]*[]float64{"cv_score": &h.score, "alpha": &h.alpha, "weights": &h.weights} {
		var err error
		if *dst, _, err = store.LoadFloat64(ctx, h.d.Env.FS, filepath.Join(out, name+".npy")); err != nil {
			return err
		}
	}
	var err error
	if h.mask, err = h.d.files().Mask(ctx, filepath.Join(out, "mask.nii.gz"), nil); err != nil {
		return err
	}
	for run := range haxbyRuns {
		im, err := h.d.files().Nifti(h.responses(run))
		if err != nil {
			return err
		}
		mean, err := im.Mean(ctx)
		if err != nil {
			return err
		}
		if h.mean == nil {
			h.mean = &brain.Volume{Grid: mean.Grid, Values: make([]float64, len(mean.Values))}
		}
		for i, x := range mean.Values {
			h.mean.Values[i] += x / haxbyRuns
		}
	}
	return nil
}

// summary ranks the voxels and finds their p.
func (h *haxbyFit) summary() HaxbyFit {
	h.p = make([]float64, len(h.score))
	h.threshold = encode.CriticalValue(h.null, 0.05)
	found := HaxbyFit{Name: h.name, Threshold: h.threshold, Prefer: map[string]int{}}
	for v, r := range h.score {
		if math.IsNaN(r) { // a constant voxel
			h.p[v] = r
			continue
		}
		h.order = append(h.order, v)
		if h.p[v] = encode.PValue(r, h.null); h.p[v] < 0.05 {
			found.Significant++
			found.Prefer[h.categories[h.preferred(v)]]++
		}
	}
	slices.SortStableFunc(h.order, func(a, b int) int { return cmp.Compare(h.score[b], h.score[a]) })
	for _, v := range h.order[:min(5, len(h.order))] {
		found.Best = append(found.Best, h.voxel(v))
	}
	return found
}

// voxel describes one voxel.
func (h *haxbyFit) voxel(v int) HaxbyVoxel {
	i, j, k := h.mask.Voxel(v)
	x := HaxbyVoxel{Index: v, IJK: [3]int{i, j, k}, MM: h.mask.Grid.Affine.Apply(float64(i), float64(j), float64(k)), R: h.score[v], P: h.p[v],
		Alpha: h.alpha[v], Prefers: h.categories[h.preferred(v)], Weights: map[string]float64{}}
	for c, name := range h.categories {
		x.Weights[name] = h.weight(c, v)
	}
	return x
}

// weight is that of a category; of differences, how far it lies above the mean
// of all categories, which the fit does not determine: their sum was removed.
func (h *haxbyFit) weight(category, v int) float64 {
	w := h.weights[category*len(h.score)+v]
	if h.differences {
		for c := range h.categories {
			w -= h.weights[c*len(h.score)+v] / float64(len(h.categories))
		}
	}
	return w
}

// preferred is the category with the largest weight.
func (h *haxbyFit) preferred(v int) int {
	best := 0
	for c := range h.categories {
		if h.weight(c, v) > h.weight(best, v) {
			best = c
		}
	}
	return best
}

// tables writes the voxels, the best first, and the null distribution.
func (h *haxbyFit) tables() error {
	columns := append([]string{"voxel", "i", "j", "k", "x", "y", "z", "r", "p", "alpha", "prefers"}, h.categories...)
	err := h.d.table(h.name+"_voxels.tsv", columns, func(t *store.TableWriter) {
		for _, v := range h.order {
			x := h.voxel(v)
			cells := []string{strconv.Itoa(v)}
			for _, n := range x.IJK {
				cells = append(cells, strconv.Itoa(n))
			}
			for _, mm := range x.MM {
				cells = append(cells, significant(mm))
			}
			cells = append(cells, significant(x.R), significant(x.P), significant(x.Alpha), x.Prefers)
			for c := range h.categories {
				cells = append(cells, significant(h.weight(c, v)))
			}
			t.Row(cells...)
		}
	})
	return errors.Join(err, h.d.table(h.name+"_null.tsv", []string{"draw", "highest_r"}, func(t *store.TableWriter) {
		for draw, r := range h.null {
			t.Row(strconv.Itoa(draw), significant(r))
		}
	}))
}

// figures draws the map of r; of differences also what the voxels prefer, and
// the weights of the best ones.
func (h *haxbyFit) figures() error {
	r, err := h.mask.Spread(h.score, 0)
	if err != nil {
		return err
	}
	fig := plotting.SliceFigure{Title: "Seen categories predict BOLD in held-out runs", Alt: "slices of the brain with the voxels that are predicted in colour",
		Scale: plotting.Scale{Label: "r", Threshold: h.threshold}, Background: h.mean, Map: r,
		Note: fmt.Sprintf("Haxby et al. 2001, subject 1, %s, %d runs; in colour: p < 0.05 by the highest r of %d draws with shuffled labels",
			h.im.title, haxbyRuns, h.d.o.Draws)}
	if h.differences {
		fig.Title = "Differences between seen categories predict BOLD in held-out runs"
	}
	err = h.d.draw(h.name+"_r", fig.Draw)
	if err != nil || !h.differences {
		return err
	}
	return errors.Join(h.drawPreferred(fig), h.drawWeights())
}

// categoryColors are told apart by readers with the common colour deficiencies
// (Okabe and Ito 2008, with white for their black).
var categoryColors = [...][4]uint8{{240, 228, 66, 255}, {230, 159, 0, 255}, {86, 180, 233, 255}, {213, 94, 0, 255},
	{0, 114, 178, 255}, {0, 158, 115, 255}, {245, 245, 245, 255}, {204, 121, 167, 255}}

// drawPreferred draws the category with the largest weight, where p < 0.05.
func (h *haxbyFit) drawPreferred(fig plotting.SliceFigure) error {
	keys := make([]float64, len(h.score))
	for _, v := range h.order {
		if h.p[v] < 0.05 {
			keys[v] = float64(1 + h.preferred(v))
		}
	}
	var err error
	if fig.Map, err = h.mask.Spread(keys, 0); err != nil {
		return err
	}
	for c, name := range h.categories {
		fig.Labels = append(fig.Labels, brain.Label{Key: c + 1, Name: name, Color: categoryColors[c]})
	}
	fig.Title, fig.Scale = "What each voxel responds to most", plotting.Scale{Label: "category"}
	return h.d.draw(h.name+"_prefers", fig.Draw)
}

// drawWeights draws the weights of the best voxels.
func (h *haxbyFit) drawWeights() error {
	const most = 20
	best := h.order[:min(most, len(h.order))]
	m := plotting.HeatMap{Title: "What the best voxels respond to, beside their common response", Alt: "heat map of the weights of the best voxels by category",
		Scale: plotting.Scale{Label: "weight", Diverging: true}, Rows: len(best), Cols: len(h.categories), ColNames: h.categories}
	for _, v := range best {
		x := h.voxel(v)
		m.RowNames = append(m.RowNames, fmt.Sprintf("%v r = %.2f", x.IJK, x.R))
		for c := range h.categories {
			m.Values = append(m.Values, h.weight(c, v))
		}
	}
	return h.d.draw(h.name+"_weights", m.Draw)
}
