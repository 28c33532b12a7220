// Gallery draws every kind of figure on the data that is shipped, for people to look
// at and for a test to read in a browser.
//
//	go run ./internal/gallery results/gallery     (make gallery)
package main

import (
	"context"
	"errors"
	"fmt"
	"html"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"voxen/brain"
	"voxen/internal/plotting"
	"voxen/store"
)

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: gallery FOLDER, in the root of the repository")
		os.Exit(2)
	}
	if err := write(context.Background(), "testdata", os.Args[1]); err != nil {
		fmt.Fprintln(os.Stderr, "gallery:", err)
		os.Exit(1)
	}
}

// write stores a page of all figures, and each as PNG, SVG and PDF.
func write(ctx context.Context, data, folder string) error {
	figures, err := draw(ctx, data)
	if err != nil {
		return err
	}
	if err := os.MkdirAll(folder, 0o777); err != nil {
		return err
	}
	for _, f := range figures {
		for ending, to := range map[string]func(*os.File) error{
			".png": func(w *os.File) error { return f.drawing.PNG(w) },
			".svg": func(w *os.File) error { return f.drawing.SVG(w) },
			".pdf": func(w *os.File) error { return f.drawing.PDF(w) },
		} {
			file, err := os.Create(filepath.Join(folder, f.name+ending))
			if err != nil {
				return err
			}
			if err := to(file); err != nil {
				return err
			}
			if err := file.Close(); err != nil {
				return err
			}
		}
	}
	path := filepath.Join(folder, "index.html")
	fmt.Println(path)
	return os.WriteFile(path, []byte(page(figures)), 0o666)
}

// page shows figures as a report does.
func page(figures []figure) string {
	var s strings.Builder
	s.WriteString(`<!doctype html><html lang="en"><head><meta charset="utf-8"><title>Figures</title><style>
:root { --page: #fff; --ink: #1b1f24; --soft: #59636e; --grid: #dee2e7; }
@media screen and (prefers-color-scheme: dark) { :root { --page: #14171b; --ink: #e6e9ed; --soft: #a3adb8; --grid: #343b44; } }
body { background: var(--page); color: var(--ink); font: 16px sans-serif; max-width: 760px; margin: 0 auto; }
svg { width: 100%; height: auto; display: block; }
.ink-fill { fill: var(--ink); } .soft-fill { fill: var(--soft); }
.ink-line { stroke: var(--ink); } .soft-line { stroke: var(--soft); } .grid-line { stroke: var(--grid); }
</style></head><body><h1>Figures</h1>`)
	for _, f := range figures {
		fmt.Fprintf(&s, "<h2>%s</h2>%s\n", html.EscapeString(f.name), strings.Replace(f.drawing.Inline(), "<svg ", `<svg data-name="`+html.EscapeString(f.name)+`" `, 1))
	}
	s.WriteString(`</body></html>`)
	return s.String()
}

type figure struct {
	name    string
	drawing *plotting.Figure
}

// drawable is what the package plotting draws.
type drawable interface {
	Draw() (*plotting.Figure, error)
}

// draw makes all figures of the data in a folder.
func draw(ctx context.Context, data string) ([]figure, error) {
	var figures []figure
	add := func(name string, d drawable) error {
		f, err := d.Draw()
		if err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		figures = append(figures, figure{name, f})
		return nil
	}
	for _, part := range []func(context.Context, string, func(string, drawable) error) error{volumes, surfaces, heatMaps, charts} {
		if err := part(ctx, data, add); err != nil {
			return nil, err
		}
	}
	slices.SortFunc(figures, func(a, b figure) int { return strings.Compare(a.name, b.name) })
	return figures, nil
}

// volumes draws scores, signed weights and networks of Haxby et al. and Yeo et al.
func volumes(ctx context.Context, data string, add func(string, drawable) error) error {
	mean, r, err := haxby(ctx, data)
	if err != nil {
		return err
	}
	atlas, err := brain.Files{FS: store.OS{}}.Atlas(ctx, filepath.Join(data, "networks", "yeo7_space-MNI_res-3_label.nii.gz"), "")
	if err != nil {
		return err
	}
	mask, err := brain.Files{FS: store.OS{}}.Nifti(filepath.Join(data, "haxby2001", "sub-1_desc-25mm_mask.nii.gz"))
	if err != nil {
		return err
	}
	inside, err := mask.Volume(ctx, 0)
	if err != nil {
		return err
	}
	for i, x := range inside.Values {
		if x == 0 {
			mean.Values[i], r.Values[i] = 0, math.NaN()
		}
	}
	solid := make([]bool, len(r.Values))
	for i, x := range r.Values {
		solid[i] = math.Abs(x) > 0.2
	}
	weights := plotting.Scale{Label: "r with all categories", Diverging: true, High: 0.4}
	note := "Haxby et al. 2001, subject 1, run 1, whole brain at 25 mm: correlation with the time at which anything is shown."
	networks := plotting.SliceFigure{Title: "Seven networks", Map: atlas.Volume, Labels: atlas.Labels, Scale: plotting.Scale{Label: "Yeo et al. 2011"}, MaxSlices: 10}
	glass := networks
	glass.Title, glass.Glass = "Seven networks through the brain", true
	one := plotting.SliceFigure{Title: "A slice", Map: r, Background: mean, Scale: weights, MaxSlices: 1}
	for name, f := range map[string]plotting.SliceFigure{
		"volume-1-scores":  {Title: "Scores", Map: r, Background: mean, Scale: plotting.Scale{Label: "r", High: 0.3}, Solid: solid, SolidNote: "full colour: r > 0.2; faded: the rest", Note: note},
		"volume-2-weights": {Title: "Signed numbers, as weights are, under a title that is longer than the slices are wide and goes on in a second line", Map: r, Background: mean, Scale: weights, Note: note},
		"volume-3-cut":     {Map: r, Background: mean, Scale: plotting.Scale{Label: "r", Diverging: true, Threshold: 0.15}, Plane: plotting.Coronal, Note: note},
		"volume-4-side":    {Map: r, Background: mean, Scale: weights, Plane: plotting.Sagittal},
		"volume-5-glass":   {Title: "Through the brain", Map: r, Background: mean, Scale: weights, Glass: true},
		"volume-6-bare":    {Title: "Without a background", Map: r, Scale: weights},
		"volume-7-labels":  networks,
		"volume-8-labels":  glass,
		"volume-9-one":     one,
	} {
		if err := add(name, f); err != nil {
			return err
		}
	}
	return nil
}

// haxby gives the mean image of the first run, and the correlation of each voxel with
// the time at which a category is shown.
func haxby(ctx context.Context, data string) (mean, r *brain.Volume, err error) {
	folder := filepath.Join(data, "haxby2001")
	files := brain.Files{FS: store.OS{}}
	im, err := files.Nifti(filepath.Join(folder, "sub-1_task-objectviewing_run-01_desc-25mm_bold.nii.gz"))
	if err != nil {
		return nil, nil, err
	}
	events, err := store.ReadTable(store.OS{}, filepath.Join(folder, "sub-1_task-objectviewing_run-01_events.tsv"))
	if err != nil {
		return nil, nil, err
	}
	onsets, err := events.Column("onset")
	if err != nil {
		return nil, nil, err
	}
	const tr, delay, length = 2.5, 5.0, 22.5
	T := im.Header.Volumes()
	shown := make([]float64, T)
	for _, text := range onsets {
		onset, err := strconv.ParseFloat(text, 64)
		if err != nil {
			return nil, nil, err
		}
		for t := range T {
			if at := tr*float64(t) - delay; at >= onset && at < onset+length {
				shown[t] = 1
			}
		}
	}
	var courses [][]float64 // of volumes
	for t := range T {
		v, err := im.Volume(ctx, t)
		if err != nil {
			return nil, nil, err
		}
		courses = append(courses, v.Values)
		mean = v
	}
	grid := mean.Grid
	mean, r = &brain.Volume{Grid: grid, Values: make([]float64, grid.Voxels())}, &brain.Volume{Grid: grid, Values: make([]float64, grid.Voxels())}
	for i := range r.Values {
		y := make([]float64, T)
		for t := range y {
			y[t] = courses[t][i]
			mean.Values[i] += y[t] / float64(T)
		}
		r.Values[i] = correlation(shown, y)
	}
	return mean, r, nil
}

// correlation is Pearson's, 0 of a constant.
func correlation(x, y []float64) float64 {
	mx, my := 0.0, 0.0
	for i := range x {
		mx, my = mx+x[i]/float64(len(x)), my+y[i]/float64(len(y))
	}
	xy, xx, yy := 0.0, 0.0, 0.0
	for i := range x {
		a, b := x[i]-mx, y[i]-my
		xy, xx, yy = xy+a*b, xx+a*a, yy+b*b
	}
	if xx == 0 || yy == 0 {
		return 0
	}
	return xy / math.Sqrt(xx*yy)
}

// surfaces draws on folded balls: no surface of a cortex is shipped.
func surfaces(_ context.Context, _ string, add func(string, drawable) error) error {
	ball := func(side float64, value func(p [3]float64) float64) *plotting.Cortex {
		const rings, sides = 90, 180
		c := &plotting.Cortex{}
		for i := range rings + 1 {
			for j := range sides {
				a, b := math.Pi*float64(i)/rings, 2*math.Pi*float64(j)/sides
				n := [3]float64{math.Sin(a) * math.Cos(b), math.Sin(a) * math.Sin(b), math.Cos(a)}
				fold := 1 + 0.02*math.Sin(9*a)*math.Sin(8*b)
				c.Points = append(c.Points, [3]float64{side*38 + 32*fold*n[0], 65 * fold * n[1], 45 * fold * n[2]})
				c.Values = append(c.Values, value(n))
				if i < rings {
					p, q := i*sides+j, i*sides+(j+1)%sides
					c.Triangles = append(c.Triangles, [3]int{p, p + sides, q}, [3]int{q, p + sides, q + sides})
				}
			}
		}
		return c
	}
	wave := func(p [3]float64) float64 { return p[1] * (1 - p[2]) }
	thirds := func(p [3]float64) float64 { return 1 + math.Floor(1.49*(p[1]+1)) }
	flat := ball(1, wave)
	for i := range flat.Points {
		flat.Points[i][2] = 0
	}
	table := brain.LabelTable{{Key: 1, Name: "behind", Color: [4]uint8{0, 114, 178, 255}}, {Key: 2, Name: "between", Color: [4]uint8{255, 255, 255, 255}}, {Key: 3, Name: "in front", Color: [4]uint8{230, 159, 0, 255}}}
	for name, f := range map[string]plotting.SurfaceFigure{
		"surface-1-weights": {Title: "Signed numbers on the cortex", Left: ball(-1, wave), Right: ball(1, wave), Scale: plotting.Scale{Label: "weight", Diverging: true, High: 1, Threshold: 0.2}},
		"surface-2-scores":  {Title: "Scores on one hemisphere", Left: ball(-1, wave), Scale: plotting.Scale{Label: "r", High: 1}},
		"surface-3-labels":  {Title: "Labels", Left: ball(-1, thirds), Right: ball(1, thirds), Labels: table},
		"surface-4-flat":    {Title: "Flattened", Right: flat, Scale: plotting.Scale{Label: "r"}},
	} {
		if err := add(name, f); err != nil {
			return err
		}
	}
	return nil
}

// heatMaps draws neurons of MiniLM over time and by layer.
func heatMaps(ctx context.Context, data string, add func(string, drawable) error) error {
	x, shape, err := store.LoadFloat64(ctx, store.OS{}, filepath.Join(data, "alice", "minilm_neurons_tr.npy"))
	if err != nil {
		return err
	}
	T, N := shape[0], shape[1]
	course := func(n int) []float64 {
		y := make([]float64, T)
		for t := range y {
			y[t] = x[t*N+n]
		}
		return y
	}
	over := func(rows int, names func(i int) string) plotting.HeatMap {
		h := plotting.HeatMap{XLabel: "seconds", YLabel: "neuron", Scale: plotting.Scale{Label: "response", Diverging: true}, Rows: rows, Cols: T, XStep: 2}
		for i := range rows {
			h.Values = append(h.Values, course(i*N/rows)...)
			h.RowNames = append(h.RowNames, names(i))
		}
		return h
	}
	atoms := over(64, func(i int) string { return "Ventral Attention " + strconv.Itoa(i) })
	atoms.Title = "64 courses, each named"
	many := over(300, strconv.Itoa)
	many.Title = "More courses than can be named"
	names := []string{"Visual", "Somatomotor", "Dorsal Attention", "Ventral Attention", "Limbic", "Frontoparietal", "Default"}
	pairs := plotting.HeatMap{Title: "Pairs", XLabel: "Network", YLabel: "Network", Scale: plotting.Scale{Label: "|r|"}, Rows: 7, Cols: 7, RowNames: names, ColNames: names}
	for i := range 7 {
		for j := range 7 {
			v := math.NaN()
			if i != j {
				v = math.Abs(correlation(course(i*300), course(j*300)))
			}
			pairs.Values = append(pairs.Values, v)
		}
	}
	long := pairs
	long.Title, long.Cols, long.ColNames, long.Values = "Names that are wider than their columns", 49, nil, nil
	for i := range 49 {
		long.ColNames = append(long.ColNames, names[i%7]+" "+strconv.Itoa(i))
	}
	for range 7 {
		long.Values = append(long.Values, pairs.Values...)
	}
	return errors.Join(add("heat-1-courses", atoms), add("heat-2-many", many), add("heat-3-pairs", pairs), add("heat-4-names", long),
		add("heat-5-single", plotting.HeatMap{Rows: 1, Cols: 1, Values: []float64{0}, Scale: plotting.Scale{Label: "nothing"}}))
}

// charts draws lines and points, few and many.
func charts(_ context.Context, _ string, add func(string, drawable) error) error {
	var subjects, points []plotting.Series
	for s := range 8 {
		curve := plotting.Series{Name: fmt.Sprintf("sub-%02d", s+1)}
		for i := range 60 {
			at := float64(i-30) / 300
			curve.X, curve.Y = append(curve.X, at), append(curve.Y, 25*math.Exp(-at*at*float64(400+100*s)))
		}
		subjects = append(subjects, curve)
		x, y := 3+0.1*float64(s%3), 0.5+0.004*float64(s)
		points = append(points, plotting.Series{Name: curve.Name, Labels: []string{"a-model-" + strconv.Itoa(s)}, X: []float64{x}, Y: []float64{y},
			XLow: []float64{x - 0.4}, XHigh: []float64{x + 0.3}, YLow: []float64{y - 0.1}, YHigh: []float64{y + 0.2}})
	}
	layers := plotting.Stack{Title: "Charts that share an axis"}
	for i, label := range []string{"coverage", "an index whose name is long", "diversity"} {
		c := plotting.Chart{XLabel: "layer", YLabel: label, Height: 120}
		for m := range 3 {
			s := plotting.Series{Name: "model " + strconv.Itoa(m)}
			for l := range 12 {
				y := math.Sin(float64(l+m)/3) + float64(i)
				s.X, s.Y, s.YLow, s.YHigh = append(s.X, float64(l)), append(s.Y, y), append(s.YLow, y-0.2), append(s.YHigh, y+0.1)
			}
			c.Series = append(c.Series, s)
		}
		layers.Charts = append(layers.Charts, c)
	}
	names := plotting.Chart{Title: "Points at names", YLabel: "compactness", Points: true, XNames: []string{"Visual", "Somatomotor", "Dorsal Attention", "Ventral Attention", "Limbic", "Frontoparietal", "Default"}}
	for m := range 4 {
		s := plotting.Series{Name: "model " + strconv.Itoa(m)}
		for i := range 7 {
			s.X, s.Y = append(s.X, float64(i)), append(s.Y, 0.1*float64(i+m))
		}
		names.Series = append(names.Series, s)
	}
	chance := plotting.Series{Name: "random sets"}
	own := plotting.Series{Name: "without the sub-group"}
	for i := range names.XNames {
		var draws []float64
		for k := range 200 {
			at := (float64(k) - 99.5) / 100
			draws = append(draws, 6+0.05*float64(i)+0.1*at*at*at)
		}
		chance.X, chance.Y, chance.Spread = append(chance.X, float64(i)), append(chance.Y, 6+0.05*float64(i)), append(chance.Spread, draws)
		own.X, own.Y = append(own.X, float64(i)), append(own.Y, 6.5-0.03*float64(i))
	}
	spread := plotting.Chart{Title: "Points beside distributions", YLabel: "loss (bits per word)", Points: true, XNames: names.XNames, Series: []plotting.Series{chance, own}}
	return errors.Join(
		add("chart-7-spread", spread), add("chart-1-lines", plotting.Chart{XLabel: "held-out r", YLabel: "share of voxels (%)", Series: subjects, YFromZero: true}),
		add("chart-2-points", plotting.Chart{Title: "Points close to each other, with intervals", XLabel: "diversity", YLabel: "consistency", Series: points, Points: true, Height: 360}),
		add("chart-3-stack", layers), add("chart-4-names", names),
		add("chart-5-large", plotting.Chart{XLabel: "millions", YLabel: "tiny", Series: []plotting.Series{{X: []float64{1.5e6, 9.25e6}, Y: []float64{-3e-7, 4e-7}}}}),
		add("chart-6-one", plotting.Chart{XLabel: "x", YLabel: "y", Points: true, Series: []plotting.Series{{X: []float64{3}, Y: []float64{7}, Labels: []string{"alone"}}}}))
}
