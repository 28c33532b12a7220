package group_test

import (
	"context"
	"fmt"
	"math"
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"testing"

	"gorgonia.org/tensor"

	"voxen/brain"
	"voxen/engine/op"
	"voxen/engine/tile"
	"voxen/internal/npytest"
	"voxen/internal/steptest"
	"voxen/store"
	"voxen/study/group"
	"voxen/study/step"
)

const yeo7 = "../../testdata/networks/yeo7_space-MNI_res-3_label.nii.gz"

// cohort writes maps of n subjects on the grid of the Yeo networks, smooth noise
// about 0 with an effect of the cognitive score in one network, and their
// participants: half of the effect is of age, which goes with the score.
func cohort(t *testing.T, dir string, n int, network string) (maps []string, participants, mask string) {
	t.Helper()
	atlas, err := (brain.Files{}).Atlas(context.Background(), yeo7, "")
	if err != nil {
		t.Fatal(err)
	}
	im, err := (brain.Files{}).Nifti(yeo7)
	if err != nil {
		t.Fatal(err)
	}
	m, err := brain.NewMask(im.Header, atlas.Volume)
	if err != nil {
		t.Fatal(err)
	}
	mask = filepath.Join(dir, "mask.nii.gz")
	if err := (brain.Files{}).WriteMask(context.Background(), mask, m); err != nil {
		t.Fatal(err)
	}
	region, err := atlas.OnMask(m)
	if err != nil {
		t.Fatal(err)
	}
	rng := rand.New(rand.NewPCG(7, 7))
	var table strings.Builder
	table.WriteString("participant_id\tMoCA\tage\tsex\n")
	for s := range n {
		age := 70 + 6*rng.NormFloat64()
		moca := 24 - 0.2*(age-70) + rng.NormFloat64()
		score := fmt.Sprintf("%.3f", moca)
		if s == 4 {
			score = "n/a"
		}
		fmt.Fprintf(&table, "sub-%02d\t%s\t%.3f\t%s\n", s, score, age, []string{"F", "M"}[s%2])
		level := make([]float64, len(atlas.Labels))
		for r := range level {
			level[r] = 0.05 - 0.01*(age-70) + 0.02*rng.NormFloat64()
			if atlas.Labels[r].Name == network {
				level[r] += 0.03 * (moca - 24)
			}
		}
		values := make([]float64, m.Len())
		for v := range values {
			values[v] = level[region[v]] + 0.05*rng.NormFloat64()
		}
		values[11] = math.NaN()
		path := filepath.Join(dir, fmt.Sprintf("sub-%02d", s), "cv_score.nii.gz")
		os.Mkdir(filepath.Dir(path), 0o777)
		if err := (brain.Files{}).WriteMap(context.Background(), path, m, values, brain.MapOptions{}); err != nil {
			t.Fatal(err)
		}
		maps = append(maps, path)
	}
	participants = filepath.Join(dir, "participants.tsv")
	if err := os.WriteFile(participants, []byte(table.String()), 0o666); err != nil {
		t.Fatal(err)
	}
	return maps, participants, mask
}

// The network with the effect, and no other, goes with the cognitive score once
// age and sex are held constant; without them age makes every network do so.
func TestGroupCognition(t *testing.T) {
	dir := t.TempDir()
	const n = 20
	maps, participants, mask := cohort(t, dir, n, "Default")
	o := group.Options{Maps: maps, Mask: mask, Atlas: yeo7, Participants: participants, Scores: []string{"MoCA"}, Covariates: []string{"age", "sex"},
		Permutations: 999, FisherZ: true, Out: filepath.Join(dir, "out")}
	env := &step.Env{Device: "cpu", Threads: 2}
	sum, err := step.Do[*group.Summary](context.Background(), env, &o)
	if err != nil {
		t.Fatal(err)
	}
	if sum.Subjects != n || sum.Regions != 7 || sum.LeftOut != 1 || sum.Tests != 16 {
		t.Errorf("summary %+v", sum)
	}
	q := func(dir, test string) map[string]float64 {
		table := steptest.ReadTable(t, filepath.Join(dir, "group.tsv"))
		found := map[string]float64{}
		for i, name := range steptest.Column(t, table, "variable") {
			if steptest.Column(t, table, "test")[i] == test {
				found[name], _ = strconv.ParseFloat(steptest.Column(t, table, "q")[i], 64)
				if s := steptest.Column(t, table, "subjects")[i]; test != "mean" && s != strconv.Itoa(n-1) {
					t.Errorf("%s of %s: %s subjects, want %d", test, name, s, n-1)
				}
			}
		}
		return found
	}
	for name, x := range q(o.Out, "correlation with MoCA") {
		if name != "whole brain" && (x < 0.05) != (name == "Default") {
			t.Errorf("%s: q = %g", name, x)
		}
	}
	for name, x := range q(o.Out, "mean") {
		if x > 0.05 {
			t.Errorf("mean of %s: q = %g, every network has a mean of 0.05", name, x)
		}
	}
	scores := steptest.ReadTable(t, filepath.Join(o.Out, "brain_scores.tsv"))
	if len(scores.Rows) != n || len(scores.Columns) != 9 || scores.Rows[3][0] != "sub-03" {
		t.Errorf("brain_scores.tsv: %d rows of %v", len(scores.Rows), scores.Columns)
	}
	for _, name := range []string{"mean", "t", "p", "p_max", "q"} {
		im, err := (brain.Files{}).Nifti(filepath.Join(o.Out, name+".nii.gz"))
		if err != nil || im.Header.Volumes() != 1 {
			t.Errorf("%s: %v", name, err)
		}
	}
	run, err := store.ReadRun(store.OS{}, filepath.Join(o.Out, "run.json"))
	if err != nil || len(run.LeftOut) != 2 || run.LeftOut[1].What != "subjects" || run.LeftOut[1].N != 1 {
		t.Errorf("left out %+v, %v", run.LeftOut, err)
	}
	o.Covariates, o.Out = nil, filepath.Join(dir, "confounded")
	if _, err := step.Do[*group.Summary](context.Background(), env, &o); err != nil {
		t.Fatal(err)
	}
	confounded := 0
	for _, x := range q(o.Out, "correlation with MoCA") {
		if x < 0.05 {
			confounded++
		}
	}
	if confounded < 4 {
		t.Errorf("without covariates %d networks go with the score, expected the confound to show", confounded)
	}
}

// Indices of a table: columns of numbers, or a difference of two with a minus in
// the names; vectors without a grid have a whole-brain score.
func TestGroupIndicesAndVectors(t *testing.T) {
	dir := t.TempDir()
	var table strings.Builder
	table.WriteString("participant_id\tgroup\tbert-base\tllama\n")
	var maps []string
	for s := range 6 {
		fmt.Fprintf(&table, "p%d\tyoung\t%d\t%g\n", s, 3+s, 1.5+0.9*float64(s))
		maps = append(maps, filepath.Join(dir, fmt.Sprintf("%d.npy", s)))
		if err := npytest.Save(maps[s], []int{3}, []float32{float32(s), 1, float32(-s - 1)}); err != nil {
			t.Fatal(err)
		}
	}
	indices := filepath.Join(dir, "indices.tsv")
	os.WriteFile(indices, []byte(table.String()), 0o666)
	o := group.Options{Maps: maps, Subjects: strings.Split("a b c d e f", " "), Indices: indices, Contrasts: []string{"bert-base-llama"}, Permutations: 5000, Out: filepath.Join(dir, "out")}
	sum, err := step.Do[*group.Summary](context.Background(), &step.Env{Device: "cpu"}, &o)
	if err != nil {
		t.Fatal(err)
	}
	if sum.Subjects != 6 || sum.Voxels != 3 || sum.LeftOut != 1 || sum.Tests != 2 {
		t.Errorf("summary %+v", sum)
	}
	rows := steptest.ReadTable(t, filepath.Join(o.Out, "group.tsv"))
	// the differences are 1.5, 1.6, ... 2: all flips but two are less extreme, of 64
	last := rows.Rows[1]
	if got := strings.Join(last[:5], " "); got != "mean index bert-base-llama 6 1.75" || last[8] != "0.03125" {
		t.Errorf("contrast: %v", last)
	}
	p, _, err := store.LoadFloat64(context.Background(), store.OS{}, filepath.Join(o.Out, "p.npy"))
	if err != nil || !math.IsNaN(p[1]) || p[2] != 0.03125 {
		t.Errorf("p = %v, %v", p, err)
	}
}

// Maps on the cortex come back on the cortex.
func TestGroupOnGrayordinates(t *testing.T) {
	dir := t.TempDir()
	h := brain.CiftiHeader{Kind: brain.DenseScalar, Rows: 1, Maps: []brain.CiftiMap{{Name: "cv_score"}},
		Models: []brain.BrainModel{{Structure: "CIFTI_STRUCTURE_CORTEX_LEFT", SurfaceVertices: 9, Vertices: []int32{0, 2, 3, 8}}}}
	var maps []string
	for s := range 4 {
		maps = append(maps, filepath.Join(dir, fmt.Sprintf("sub-%d.dscalar.nii", s)))
		row, err := tile.Of(1, 4, []float64{1, 2 + float64(s), -3, float64(s%2) - 0.5})
		if err != nil {
			t.Fatal(err)
		}
		if err := (brain.Files{}).WriteCifti(context.Background(), maps[s], &h, row); err != nil {
			t.Fatal(err)
		}
	}
	out := filepath.Join(dir, "out")
	sum, err := step.Do[*group.Summary](context.Background(), &step.Env{Device: "cpu"}, &group.Options{Maps: maps, Permutations: 5000, Out: out})
	if err != nil {
		t.Fatal(err)
	}
	if sum.Voxels != 4 || sum.LeftOut != 2 {
		t.Errorf("summary %+v", sum)
	}
	c, err := (brain.Files{}).Cifti(filepath.Join(out, "mean.dscalar.nii"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	mean, err := c.Map(context.Background(), 0)
	if err != nil || !math.IsNaN(mean[0]) || mean[1] != 3.5 || mean[3] != 0 || c.Models[0].Vertices[3] != 8 {
		t.Errorf("mean %v, %v", mean, err)
	}
}

// Maps of results have the precision that is asked for, in arrays and images.
func TestGroupPrecision(t *testing.T) {
	dir := t.TempDir()
	maps, _, mask := cohort(t, dir, 5, "Default")
	for _, c := range []struct {
		precision tensor.Dtype
		array     store.DType
		image     brain.Datatype
	}{{op.Float32, store.Float32, brain.Float32}, {op.Float64, store.Float64, brain.Float64}} {
		o := group.New()
		o.Maps, o.Mask, o.Permutations, o.Out = maps, mask, 10, filepath.Join(dir, c.precision.String())
		if _, err := step.Do[*group.Summary](context.Background(), &step.Env{Device: "cpu", Precision: c.precision}, o); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"mean", "t", "p", "p_max", "q"} {
			a, err := store.OpenNpy(store.OS{}, filepath.Join(o.Out, name+".npy"))
			if err != nil {
				t.Fatal(err)
			}
			a.Close()
			im, err := (brain.Files{}).Nifti(filepath.Join(o.Out, name+".nii.gz"))
			if err != nil {
				t.Fatal(err)
			}
			if a.DType() != c.array || im.Header.Datatype != c.image {
				t.Errorf("%s of %s: array of %v, image of %v", name, c.precision, a.DType(), im.Header.Datatype)
			}
		}
	}
}
