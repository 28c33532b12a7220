package study

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"image"
	"math/rand/v2"
	"path/filepath"
	"slices"
	"strconv"

	"voxen/brain"
	"voxen/brain/plotting"
	"voxen/store"
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

// HaxbySummary is what the demo found in one set of images.
type HaxbySummary struct {
	Name        string       `json:"name"`
	Title       string       `json:"title"`
	Voxels      int          `json:"voxels"` // those that vary
	Constant    int          `json:"constant"`
	Draws       int          `json:"draws"`
	Threshold   float64      `json:"threshold"` // r that 5% of the draws reach in any voxel
	Significant int          `json:"significant"`
	Best        []HaxbyVoxel `json:"best"`
}

// HaxbyVoxel is a voxel with its model: the weights are of the categories, in
// SDs of the voxel within a run per SD of the category's regressor.
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

// haxby fits the voxels of one set of images with the eight categories.
func (d *demo) haxby(ctx context.Context, im haxbyImages) error {
	h := &haxbyFit{d: d, im: im}
	part := "Haxby, " + im.title
	if err := h.designs(); err != nil {
		return err
	}
	err := d.step(part, func(e *Env) error {
		if _, err := Encode(ctx, e, h.options()); err != nil {
			return err
		}
		o := h.options()
		var err error
		h.null, err = scoreNull(ctx, e, d.job, o, d.o.Draws, h.shuffled)
		return err
	})
	if err != nil {
		return err
	}
	if err := h.load(ctx); err != nil {
		return err
	}
	sum := h.summary()
	d.sum.Haxby = append(d.sum.Haxby, sum)
	if err := h.tables(); err != nil {
		return err
	}
	return h.figures(sum)
}

// haxbyFit is the fit of one set of images.
type haxbyFit struct {
	d          *demo
	im         haxbyImages
	categories []string
	blocks     [haxbyRuns][]haxbyBlock
	null       []float64

	mask                *brain.Mask
	mean                *brain.Volume // of the BOLD over all volumes
	score, alpha, p     []float64
	weights             []float64 // categories x voxels
	constant, different int       // voxels
	order               []int     // voxels that vary, the best first
	threshold           float64
}

// haxbyBlock is one block of stimulation: what was seen, and the response that
// is expected in each volume of its run.
type haxbyBlock struct {
	category int
	response []float64
}

// responses are the images of a run, design its regressors.
func (h *haxbyFit) responses(run int) string {
	return h.d.data(fmt.Sprintf("haxby2001/sub-1_task-objectviewing_run-%02d_desc-%s_bold.nii.gz", run+1, h.im.desc))
}
func (h *haxbyFit) design(run int) string {
	return h.d.data(fmt.Sprintf("haxby2001/design_run-%02d.npy", run+1))
}

// options are those of the encode step: voxen encode with the same flags gives
// the same results.
func (h *haxbyFit) options() EncodeOptions {
	o := EncodeOptions{Out: filepath.Join(h.d.o.Out, h.im.name), Detrend: "linear", PerRun: "zscore", Score: "r", CV: "runs"}
	if h.im.mask != "" {
		o.Mask = h.d.data(h.im.mask)
	}
	for run := range haxbyRuns {
		o.Features = append(o.Features, h.design(run))
		o.Responses = append(o.Responses, h.responses(run))
	}
	return o
}

// designs writes the regressors of every run: a column per category, its blocks
// convolved with the haemodynamic response.
func (h *haxbyFit) designs() error {
	times := brain.FrameTimes(haxbyVolumes, haxbyTR, 0)
	for run := range haxbyRuns {
		events, _, err := brain.ReadEvents(h.d.data(fmt.Sprintf("haxby2001/sub-1_task-objectviewing_run-%02d_events.tsv", run+1)))
		if err != nil {
			return err
		}
		h.categories = events.TrialTypes() // each run shows all of them
		for _, event := range events {
			response, err := brain.BlockRegressor([]brain.Block{{Onset: event.Onset, Duration: event.Duration, Amplitude: 1}}, times, brain.Glover)
			if err != nil {
				return err
			}
			h.blocks[run] = append(h.blocks[run], haxbyBlock{slices.Index(h.categories, event.TrialType), response})
		}
		x, err := events.Design(h.categories, times, brain.Glover)
		if err != nil {
			return err
		}
		if err := store.SaveNpy(h.d.e.FS, h.design(run), []int{haxbyVolumes, len(h.categories)}, x); err != nil {
			return err
		}
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
		if *dst, _, err = store.LoadFloat64(ctx, h.d.e.FS, filepath.Join(out, name+".npy")); err != nil {
			return err
		}
	}
	var err error
	if h.mask, err = brain.LoadMask(ctx, filepath.Join(out, "mask.nii.gz")); err != nil {
		return err
	}
	for run := range haxbyRuns {
		im, err := brain.Open(h.responses(run))
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
func (h *haxbyFit) summary() HaxbySummary {
	h.p = make([]float64, len(h.score))
	for v, r := range h.score {
		if r != r {
			h.constant++
			h.p[v] = r
			continue
		}
		h.order = append(h.order, v)
		if h.p[v] = pValue(r, h.null); h.p[v] < 0.05 {
			h.different++
		}
	}
	slices.SortStableFunc(h.order, func(a, b int) int { return cmp.Compare(h.score[b], h.score[a]) })
	h.threshold = criticalValue(h.null, 0.05)
	sum := HaxbySummary{Name: h.im.name, Title: h.im.title, Voxels: len(h.order), Constant: h.constant, Draws: h.d.o.Draws,
		Threshold: h.threshold, Significant: h.different}
	for _, v := range h.order[:min(5, len(h.order))] {
		sum.Best = append(sum.Best, h.voxel(v))
	}
	return sum
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

func (h *haxbyFit) weight(category, v int) float64 { return h.weights[category*len(h.score)+v] }

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
	err := h.d.table(h.im.name+"_voxels.tsv", columns, func(t *store.TableWriter) {
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
	return errors.Join(err, h.d.table(h.im.name+"_null.tsv", []string{"draw", "highest_r"}, func(t *store.TableWriter) {
		for draw, r := range h.null {
			t.Row(strconv.Itoa(draw), significant(r))
		}
	}))
}

// figures draws the map of r, what the voxels above the threshold prefer, and
// the weights of the best voxels.
func (h *haxbyFit) figures(sum HaxbySummary) error {
	r, err := h.mask.Spread(h.score, 0)
	if err != nil {
		return err
	}
	note := fmt.Sprintf("%s cross-validated over %d runs; in colour: p < 0.05, by the maximum over voxels of %d draws with shuffled labels", h.im.title, haxbyRuns, sum.Draws)
	return h.d.draw(h.im.name+"_r.png", func() (*image.RGBA, error) {
		return plotting.Slices(plotting.SliceFigure{Title: "Object categories predict BOLD: correlation with held-out runs",
			Label: "r", Background: h.mean, Map: r, Threshold: h.threshold, Note: note})
	})
}
