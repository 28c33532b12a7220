package demo

import (
	"fmt"
	"math"
	"math/rand/v2"
	"runtime"
	"slices"
	"sync"

	"voxen/brain"
	"voxen/engine/tile"
	"voxen/study/step"
)

// PlantOptions say how BOLD with a known answer is simulated.
type PlantOptions struct {
	Seed   uint64
	Null   bool    // noise alone
	Target float64 // median over voxels of the correlation of signal with signal plus noise; 0: 0.2
	// Networks is the share of the noise's variance that is a course of each network, of
	// every subject's own: what brains do without a stimulus.
	Networks float64
	// Loading, if it is not 0, plants one atom per network instead of two, with a loading of
	// each subject's own, alike over the network, whose mean over subjects is so many
	// between-subject SDs; below 0 the network is switched off by the atom.
	Loading float64
	// LoadingSD is the between-subject SD of loadings, in SDs of a voxel's noise; 0: loadingSD.
	LoadingSD float64
}

// loadingSD is the between-subject SD of loadings where none is given: a mean of 2 of them
// is a signal r of 0.04.
const loadingSD = 0.02

// Pair is an atom planted in a network.
type Pair struct {
	Network int // place in the atlas' labels
	Atom    int
}

// Planted is a simulated study in which the answer is known: two atoms per
// network, no two of them correlated by 0.3 or more, drive every voxel of the
// network. Subject s has, at voxel v of network b with the atoms k and l,
//
//	y_v(t) = 1000 + 10 (w_skv z_k(t) + w_slv z_l(t) + c n_sv(t)),   w uniform in [0.5, 1.5),
//
// z the atoms with mean 0 and SD 1, and n noise that is autoregressive in time, n(t)
// = 0.3 n(t-1) + e(t), with e Gaussian of 6 mm FWHM in space (of SD 1 in every
// volume); c makes the median signal r the target. Voxels are those with a label.
// Nothing of it was measured: everything that shows it says that it is simulated.
type Planted struct {
	Pairs []Pair

	o      PlantOptions
	atoms  [][]float64 // z, one per atom
	rows   int
	label  []int // per voxel, place in the atlas' labels
	noise  *noiseField
	random *rand.Rand
}

// Plant chooses atoms, (T x n) columns, for the networks of an atlas at the
// voxels of a mask.
func Plant(atlas *brain.Atlas, mask *brain.Mask, atoms tile.Matrix, o PlantOptions) (*Planted, error) {
	if o.Target == 0 {
		o.Target = 0.2
	}
	if o.LoadingSD == 0 {
		o.LoadingSD = loadingSD
	}
	p := &Planted{o: o, rows: atoms.Rows, random: rand.New(rand.NewPCG(o.Seed, 0x706c_616e_7465_64))}
	var err error
	if p.label, err = atlas.OnMask(mask); err != nil {
		return nil, err
	}
	if i := slices.Index(p.label, -1); i >= 0 {
		return nil, step.BadInput(atlas.Path, "has no network at voxel %d of the mask, expected one at every voxel", i)
	}
	for k := range atoms.Cols {
		z := make([]float64, atoms.Rows)
		for t := range z {
			z[t] = atoms.Data[t*atoms.Cols+k]
		}
		p.atoms = append(p.atoms, step.ZScore(z))
	}
	if err := p.choose(p.each() * len(atlas.Labels)); err != nil {
		return nil, err
	}
	p.noise = newNoiseField(mask, 6)
	return p, nil
}

// each is how many atoms are planted in a network.
func (p *Planted) each() int {
	if p.o.Loading != 0 {
		return 1
	}
	return 2
}

// choose takes n atoms in random order, each if it is correlated by less than 0.3
// with all before it.
func (p *Planted) choose(n int) error {
	const most = 0.3
	for _, k := range p.random.Perm(len(p.atoms)) {
		alike := slices.ContainsFunc(p.Pairs, func(q Pair) bool { return !(math.Abs(step.Dot(p.atoms[k], p.atoms[q.Atom]))/float64(p.rows) < most) })
		if !alike {
			p.Pairs = append(p.Pairs, Pair{Network: len(p.Pairs) / p.each(), Atom: k})
		}
		if len(p.Pairs) == n {
			return nil
		}
	}
	return fmt.Errorf("of %d atoms only %d have correlations under %g with each other, expected %d to plant", len(p.atoms), len(p.Pairs), most, n)
}

// Subject simulates the next subject, (T x voxels).
func (p *Planted) Subject() *tile.Array[float32] {
	if p.o.Loading != 0 {
		return p.loaded()
	}
	T, V := p.rows, len(p.label)
	signal := make([]float64, T*V)
	for v, b := range p.label {
		for _, q := range p.Pairs[2*b : 2*b+2] {
			w := 0.5 + p.random.Float64()
			for t, z := range p.atoms[q.Atom] {
				signal[t*V+v] += w * z
			}
		}
	}
	noise := p.spontaneous()
	scale := median(columnSDs(signal, V)) * math.Sqrt(1/(p.o.Target*p.o.Target)-1) / median(columnSDs(noise, V))
	y := tile.NewArray[float32](T, V)
	for i := range y.Data {
		s := scale * float64(noise[i])
		if !p.o.Null {
			s += signal[i]
		}
		y.Data[i] = float32(1000 + 10*s)
	}
	return y
}

// loaded simulates a subject with loadings of its own.
func (p *Planted) loaded() *tile.Array[float32] {
	T, V := p.rows, len(p.label)
	loading := make([]float64, len(p.Pairs))
	for i := range loading {
		loading[i] = p.o.LoadingSD * (p.o.Loading + p.random.NormFloat64())
	}
	noise := p.spontaneous()
	scale := 1 / median(columnSDs(noise, V))
	y := tile.NewArray[float32](T, V)
	for i := range y.Data {
		s := scale * float64(noise[i])
		if !p.o.Null {
			b := p.label[i%V]
			s += loading[b] * p.atoms[p.Pairs[b].Atom][i/V]
		}
		y.Data[i] = float32(1000 + 10*s)
	}
	return y
}

// spontaneous is the noise of a subject, (T x voxels), with the courses of networks.
func (p *Planted) spontaneous() []float32 {
	T, V := p.rows, len(p.label)
	noise := p.noise.series(p.random.Uint64(), T)
	if p.o.Networks == 0 {
		return noise
	}
	courses := make([][]float64, 1+slices.Max(p.label))
	for b := range courses {
		course := make([]float64, T)
		for t := range course {
			course[t] = p.random.NormFloat64()
			if t > 0 {
				course[t] += 0.3 * course[t-1]
			}
		}
		courses[b] = step.ZScore(course)
	}
	own, shared := math.Sqrt(1-p.o.Networks)/median(columnSDs(noise, V)), math.Sqrt(p.o.Networks)
	for i, x := range noise {
		noise[i] = float32(own*float64(x) + shared*courses[p.label[i%V]][i/V])
	}
	return noise
}

// noiseField makes noise that is smooth in space at the voxels of a mask.
type noiseField struct {
	dims   [3]int // of the box around the mask, padded by the kernel
	weight []float32
	at     []int // of each voxel in the box
}

// newNoiseField prepares a Gaussian of a full width at half maximum in mm, cut
// off at 4 SD as scipy's gaussian_filter does. Voxels are taken as cubes.
func newNoiseField(m *brain.Mask, fwhm float64) *noiseField {
	a := m.Grid.Affine
	sd := fwhm / math.Sqrt(8*math.Ln2) / math.Sqrt(a[0][0]*a[0][0]+a[1][0]*a[1][0]+a[2][0]*a[2][0])
	radius := int(4*sd + 0.5)
	f := &noiseField{}
	sum := 0.0
	for i := -radius; i <= radius; i++ {
		sum += math.Exp(-float64(i*i) / (2 * sd * sd))
	}
	for i := -radius; i <= radius; i++ {
		f.weight = append(f.weight, float32(math.Exp(-float64(i*i)/(2*sd*sd))/sum))
	}
	lo, hi := m.Grid.Dims, [3]int{}
	for v := range m.Len() {
		i, j, k := m.Voxel(v)
		for axis, x := range [3]int{i, j, k} {
			lo[axis], hi[axis] = min(lo[axis], x), max(hi[axis], x)
		}
	}
	for axis := range 3 {
		f.dims[axis] = hi[axis] - lo[axis] + 1 + 2*radius
	}
	for v := range m.Len() {
		i, j, k := m.Voxel(v)
		f.at = append(f.at, ((i-lo[0]+radius)*f.dims[1]+j-lo[1]+radius)*f.dims[2]+k-lo[2]+radius)
	}
	return f
}

// series gives T volumes of noise, (T x voxels), autoregressive with 0.3.
func (f *noiseField) series(seed uint64, T int) []float32 {
	V := len(f.at)
	out := make([]float32, T*V)
	var wg sync.WaitGroup
	workers := runtime.GOMAXPROCS(0)
	for w := range workers {
		wg.Add(1)
		go func() {
			defer wg.Done()
			n := f.dims[0] * f.dims[1] * f.dims[2]
			a, b := make([]float32, n), make([]float32, n)
			for t := w; t < T; t += workers {
				f.volume(rand.New(rand.NewPCG(seed, uint64(t))), a, b, out[t*V:(t+1)*V])
			}
		}()
	}
	wg.Wait()
	for i := V; i < len(out); i++ {
		out[i] += 0.3 * out[i-V]
	}
	return out
}

// volume draws one volume, of SD 1 over the voxels.
func (f *noiseField) volume(r *rand.Rand, a, b, out []float32) {
	for i := range a {
		a[i] = float32(r.NormFloat64())
	}
	radius := len(f.weight) / 2
	for _, step := range []int{1, f.dims[2], f.dims[1] * f.dims[2]} {
		// What wraps around the ends of an axis stays within the padding.
		clear(b)
		for j, w := range f.weight {
			shift := (j - radius) * step
			lo, hi := max(0, -shift), min(len(a), len(a)-shift)
			from := a[lo+shift : hi+shift]
			for i, x := range from {
				b[lo+i] += w * x
			}
		}
		a, b = b, a
	}
	mean, sq := 0.0, 0.0
	for v, at := range f.at {
		out[v] = a[at]
		mean += float64(out[v]) / float64(len(out))
	}
	for _, x := range out {
		sq += (float64(x) - mean) * (float64(x) - mean)
	}
	sd := float32(math.Sqrt(sq / float64(len(out))))
	for v := range out {
		out[v] /= sd
	}
}

// columnSDs gives the SD (ddof 0) of each of the V columns.
func columnSDs[F float32 | float64](x []F, V int) []float64 {
	n := float64(len(x) / V)
	mean, sq := make([]float64, V), make([]float64, V)
	for i, v := range x {
		mean[i%V] += float64(v) / n
	}
	for i, v := range x {
		d := float64(v) - mean[i%V]
		sq[i%V] += d * d
	}
	for v := range sq {
		sq[v] = math.Sqrt(sq[v] / n)
	}
	return sq
}

// median is the mean of the two middle values where their number is even.
func median(x []float64) float64 {
	s := slices.Sorted(slices.Values(x))
	return (s[(len(s)-1)/2] + s[len(s)/2]) / 2
}
