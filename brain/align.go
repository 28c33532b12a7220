package brain

import (
	"context"
	"fmt"
	"math"
	"math/big"
	"strconv"
	"strings"

	"voxen/store"
)

// Within says how the rows of one volume become one.
type Within string

// Mean, Sum and Last take the rows whose onset lies in the volume: their mean,
// their sum, or the last of them in table order. Lanczos resamples all rows by
// a low-pass filter at the Nyquist frequency of the volumes with a window of
// three lobes on either side, centred on each volume's middle.
const (
	Mean    Within = "mean"
	Sum     Within = "sum"
	Last    Within = "last"
	Lanczos Within = "lanczos"
)

// AlignOptions says how rows of words become rows of volumes.
type AlignOptions struct {
	TR      float64 // seconds
	Volumes int
	// Start is when the first volume starts, in seconds of the word table.
	Start  float64
	Within Within // Mean if empty
	HRF    HRF
	// Trend is removed from every column after the convolution.
	Trend Trend
	// Standardize scales every column to mean 0 and standard deviation 1 (ddof
	// 0) at the end; a constant column becomes 0.
	Standardize bool
}

// Alignment turns a (words x columns) array into a (volumes x columns) one: row
// t is made of the words whose onset lies in [start + t tr, start + (t+1) tr), in
// decimals, zero without any, and then convolved with the haemodynamic response,
//
//	S[t] = sum_d h_d R[t-d],
//
// h_d as in HRF.Weights.
type Alignment struct {
	// OutOfRange counts the words that are in no volume, since their onset lies
	// outside; they are left out. Lanczos weighs words beyond the first and the last
	// volume too, so only those farther away are. Empty counts the volumes without a
	// word.
	OutOfRange, Empty int
	// Warnings says, a line each, what of the times is probably a mistake.
	Warnings []string

	words       int
	rate        []float64 // words per volume
	terms       [][]term  // of each volume, in table order
	hrf         []float64
	trend       *Basis
	standardize bool
}

// term is one word's share in a volume.
type term struct {
	word   int
	weight float64
}

// NewAlignment works out which words make up which volume.
func NewAlignment(words Words, opt AlignOptions) (*Alignment, error) {
	switch {
	case !(opt.TR > 0) || !finite(opt.TR):
		return nil, fmt.Errorf("TR of %g s, expected a positive number", opt.TR)
	case opt.Volumes < 1:
		return nil, fmt.Errorf("%d volumes, expected at least 1", opt.Volumes)
	case !finite(opt.Start):
		return nil, fmt.Errorf("start at %g s, expected a finite number", opt.Start)
	}
	if err := words.checkOrder(); err != nil {
		return nil, err
	}
	opt.TR, opt.Start = meant(opt.TR, writtenOut), meant(opt.Start, writtenOut)
	a := &Alignment{words: len(words), hrf: opt.HRF.Weights(opt.TR), standardize: opt.Standardize}
	inVolume, outside := words.inVolumes(opt)
	a.rate = make([]float64, opt.Volumes)
	for t, rows := range inVolume {
		for _, r := range rows {
			if !words[r].Blank() {
				a.rate[t]++
			}
		}
		if len(rows) == 0 {
			a.Empty++
		}
	}
	var err error
	if a.terms, err = opt.Within.terms(words, inVolume, opt); err != nil {
		return nil, err
	}
	a.OutOfRange = outside
	if opt.Within == Lanczos {
		a.OutOfRange = len(words) - termWords(a.terms, len(words))
	}
	a.warn(opt)
	if opt.Trend.Kind != "" && opt.Trend.Kind != "none" {
		a.trend, err = opt.Trend.Basis(opt.Volumes, opt.TR)
	}
	return a, err
}

// backwards is how far an onset may lie before those above it, in seconds: words
// of two speakers overlap, and aligners round.
const backwards = 1

// checkOrder refuses onsets that go back: the table is of several recordings, each
// of which begins at 0.
func (w Words) checkOrder() error {
	latest := math.Inf(-1)
	for i, x := range w {
		if x.Onset < latest-backwards {
			return fmt.Errorf("onsets go back: row %d (%q) begins at %s s, a row above it at %s s; expected one recording, with onsets that go back by at most %d s, and a table for each, or its rows by --columns COLUMN=VALUE",
				i+1, x.Text, decimal(x.Onset), decimal(latest), backwards)
		}
		latest = max(latest, x.Onset)
	}
	return nil
}

// inVolumes lists the words whose onset lies in each volume and counts the others.
func (w Words) inVolumes(opt AlignOptions) (rows [][]int, outside int) {
	c := newClock(opt.Start, opt.TR, opt.Volumes)
	rows = make([][]int, opt.Volumes)
	for i, word := range w {
		if t := c.volume(word.Onset); t >= 0 && t < opt.Volumes {
			rows[t] = append(rows[t], i)
		} else {
			outside++
		}
	}
	return rows, outside
}

// termWords counts the words that have a share in some volume.
func termWords(terms [][]term, words int) int {
	used := make([]bool, words)
	n := 0
	for _, volume := range terms {
		for _, t := range volume {
			if !used[t.word] {
				used[t.word] = true
				n++
			}
		}
	}
	return n
}

const (
	// longestTR is more seconds than any volume takes.
	longestTR = 20
	// mostOutside is the share of words outside the volumes from which on the table
	// is probably of another recording.
	mostOutside = 0.1
)

// warn says what is probably a mistake.
func (a *Alignment) warn(opt AlignOptions) {
	if opt.TR > longestTR {
		a.Warnings = append(a.Warnings, fmt.Sprintf("TR of %s s, expected at most %d: is it in milliseconds?", decimal(opt.TR), longestTR))
	}
	if float64(a.OutOfRange) > mostOutside*float64(a.words) {
		a.Warnings = append(a.Warnings, fmt.Sprintf("%d of %d words begin outside the volumes, which last from %s to %s s: is the table of this recording, and in seconds from its start?",
			a.OutOfRange, a.words, decimal(opt.Start), strconv.FormatFloat(opt.Start+float64(opt.Volumes)*opt.TR, 'g', 6, 64)))
	}
}

// clock tells in which volume an instant lies: t with start + t tr <= x <
// start + (t+1) tr. Times are the decimals that were meant, and borders are exact in
// them: 2.4 with a TR of 0.8 lies in volume 3, though 3 * 0.8 is more in binary.
type clock struct {
	start, tr         float64
	volumes           int
	exactStart, exact *big.Rat
}

func newClock(start, tr float64, volumes int) *clock {
	c := &clock{start: start, tr: tr, volumes: volumes}
	c.exactStart, c.exact = exactly(c.start), exactly(c.tr)
	return c
}

// volume returns the volume of an instant; before the first and after the last it
// is -1 and the number of volumes.
func (c *clock) volume(x float64) int {
	x = meant(x, 0)
	q := (x - c.start) / c.tr
	switch {
	case q < -0.5:
		return -1
	case q > float64(c.volumes)+0.5:
		return c.volumes
	}
	t := math.Round(q)
	// The quotient is off by some roundings of its terms; what is nearer to a border
	// than that is decided in decimals.
	if slack := 1e-12 * (1 + (math.Abs(x)+math.Abs(c.start))/c.tr); math.Abs(q-t) > slack {
		return int(math.Floor(q))
	}
	border := new(big.Rat).Mul(c.exact, new(big.Rat).SetFloat64(t))
	if exactly(x).Cmp(border.Add(border, c.exactStart)) < 0 {
		t--
	}
	return int(t)
}

// exactly is the shortest decimal of x as a fraction.
func exactly(x float64) *big.Rat {
	r, _ := new(big.Rat).SetString(strconv.FormatFloat(x, 'e', -1, 64))
	return r
}

// meant is the decimal that a time was meant as: that of single precision where x is
// a number of single precision, to within a part of its amount, in more digits than
// it has: 0.800000011920929 is 0.8. Else it is x.
func meant(x, within float64) float64 {
	// Nine digits tell every number of single precision from the others; with the
	// point they are ten characters.
	const digits = 10
	single := float64(float32(x))
	if !(math.Abs(x-single) <= within*math.Abs(x)) || strings.IndexByte(strconv.FormatFloat(math.Abs(x), 'e', -1, 64), 'e') < digits {
		return x
	}
	short, err := strconv.ParseFloat(strconv.FormatFloat(x, 'g', -1, 32), 64)
	if err != nil {
		return x
	}
	return short
}

// writtenOut is how far nine digits may be from the number of single precision that
// they were printed from: 0.800000012 is 0.8 too.
const writtenOut = 1e-9

func (w Within) terms(words Words, inVolume [][]int, opt AlignOptions) ([][]term, error) {
	terms := make([][]term, len(inVolume))
	switch w {
	case Lanczos:
		for t := range terms {
			terms[t] = lanczosTerms(words, opt.Start+(float64(t)+0.5)*opt.TR, opt.TR)
		}
		return terms, nil
	case Mean, "", Sum, Last:
	default:
		return nil, fmt.Errorf("rows within a volume by %q, expected mean, sum, last or lanczos", string(w))
	}
	for t, rows := range inVolume {
		weight := 1.0
		switch {
		case len(rows) == 0:
			continue
		case w == Last:
			rows = rows[len(rows)-1:]
		case w != Sum:
			weight = 1 / float64(len(rows))
		}
		for _, r := range rows {
			terms[t] = append(terms[t], term{r, weight})
		}
	}
	return terms, nil
}

// lanczosTerms returns the shares of the words around the instant middle, for a
// cutoff of 1/2 per TR:
//
//	sinc(x) sinc(x/3), x = (middle - onset) / tr, |x| < 3
//
// with sinc(x) = sin(pi x) / (pi x).
func lanczosTerms(words Words, middle, tr float64) []term {
	const lobes = 3
	var terms []term
	for w, word := range words {
		x := (middle - word.Onset) / tr
		if math.Abs(x) < lobes {
			terms = append(terms, term{w, sinc(x) * sinc(x/lobes)})
		}
	}
	return terms
}

func sinc(x float64) float64 {
	if x == 0 {
		return 1
	}
	return math.Sin(math.Pi*x) / (math.Pi * x)
}

// Volumes returns the number of rows after alignment.
func (a *Alignment) Volumes() int { return len(a.terms) }

// Words returns the number of rows before alignment.
func (a *Alignment) Words() int { return a.words }

// WordRate returns the words, without blank ones, whose onset lies in each volume, convolved with
// the response like any column, but neither detrended nor scaled.
func (a *Alignment) WordRate() []float64 { return convolve(a.rate, a.hrf) }

// Columns is a (Rows x Cols) array read by blocks of columns, as package tile
// defines a Source.
type Columns interface {
	Rows() int
	Cols() int
	ReadFloat32(ctx context.Context, lo, hi int, dst []float32, stride int) error
	ReadFloat64(ctx context.Context, lo, hi int, dst []float64, stride int) error
}

// Aligned is the (volumes x columns) array that an Alignment makes of a
// (words x columns) one, computed as it is read.
type Aligned struct {
	a   *Alignment
	src Columns
}

// Source returns the aligned columns of src, which must have a row per word.
func (a *Alignment) Source(src Columns) (*Aligned, error) {
	if src.Rows() != a.words {
		return nil, fmt.Errorf("responses have %d rows, expected one for each of the %d rows of words", src.Rows(), a.words)
	}
	return &Aligned{a, src}, nil
}

// Rows returns the number of volumes.
func (s *Aligned) Rows() int { return s.a.Volumes() }

// Cols returns the number of columns.
func (s *Aligned) Cols() int { return s.src.Cols() }

// ReadFloat32 aligns the columns [lo, hi): dst[t*stride + (v-lo)].
func (s *Aligned) ReadFloat32(ctx context.Context, lo, hi int, dst []float32, stride int) error {
	return readAligned(ctx, s, lo, hi, dst, stride)
}

// ReadFloat64 is ReadFloat32 in float64.
func (s *Aligned) ReadFloat64(ctx context.Context, lo, hi int, dst []float64, stride int) error {
	return readAligned(ctx, s, lo, hi, dst, stride)
}

// alignPanel is how many columns are aligned at a time: a story of 10,000 words
// then takes 20 MB.
const alignPanel = 256

func readAligned[F float32 | float64](ctx context.Context, s *Aligned, lo, hi int, dst []F, stride int) error {
	volumes := s.Rows()
	if lo < 0 || lo > hi || hi > s.Cols() || stride < hi-lo || (hi > lo && len(dst) < (volumes-1)*stride+hi-lo) {
		return fmt.Errorf("columns %d to %d into %d values at stride %d, expected a part of %d x %d", lo, hi, len(dst), stride, volumes, s.Cols())
	}
	width := min(alignPanel, hi-lo)
	rows := make([]float64, s.src.Rows()*width)
	binned, out := make([]float64, volumes*width), make([]float64, volumes*width)
	for at := lo; at < hi; at += width {
		n := min(width, hi-at)
		if err := s.src.ReadFloat64(ctx, at, at+n, rows, width); err != nil {
			return err
		}
		if err := checkFinite(rows, s.src.Rows(), n, width, at); err != nil {
			return err
		}
		s.a.apply(rows, binned, out, n, width)
		for t := range volumes {
			for v, x := range out[t*width : t*width+n] {
				dst[t*stride+at-lo+v] = F(x)
			}
		}
	}
	return nil
}

// checkFinite refuses responses that would spread over many volumes.
func checkFinite(x []float64, rows, n, stride, first int) error {
	for r := range rows {
		for v, y := range x[r*stride : r*stride+n] {
			if !finite(y) {
				return &store.InputError{Msg: fmt.Sprintf("row %d, column %d of the responses is %g, expected finite numbers", r, first+v, y)}
			}
		}
	}
	return nil
}

// apply aligns n columns: rows (words x n) to out (volumes x n), by way of
// binned, all with rows stride apart.
func (a *Alignment) apply(rows, binned, out []float64, n, stride int) {
	for t, terms := range a.terms {
		to := binned[t*stride : t*stride+n]
		clear(to)
		for _, term := range terms {
			addScaled(to, rows[term.word*stride:term.word*stride+n], term.weight)
		}
	}
	for t := range a.terms {
		to := out[t*stride : t*stride+n]
		clear(to)
		for d, h := range a.hrf[:min(len(a.hrf), t+1)] {
			addScaled(to, binned[(t-d)*stride:(t-d)*stride+n], h)
		}
	}
	if a.trend == nil && !a.standardize {
		return
	}
	largest := make([]float64, n)
	for t := range a.terms {
		for v, x := range out[t*stride : t*stride+n] {
			largest[v] = max(largest[v], math.Abs(x))
		}
	}
	if a.trend != nil {
		a.trend.Remove(out, n, stride)
	}
	if a.standardize {
		standardize(out, len(a.terms), n, stride, largest)
	}
}

func addScaled(to, x []float64, a float64) {
	for v, xv := range x {
		to[v] += a * xv
	}
}

// constantTolerance is the standard deviation, relative to the largest value
// before trends were removed, at which a column is taken as constant: what is
// left of it is rounding.
const constantTolerance = 1e-12

// standardize scales n columns of the given rows to mean 0 and standard
// deviation 1 (ddof 0), constant ones to 0.
func standardize(x []float64, rows, n, stride int, largest []float64) {
	for v := range n {
		var sum, squares float64
		for t := range rows {
			sum += x[t*stride+v]
		}
		mean := sum / float64(rows)
		for t := range rows {
			d := x[t*stride+v] - mean
			squares += d * d
		}
		sd := math.Sqrt(squares / float64(rows))
		for t := range rows {
			if sd <= constantTolerance*largest[v] {
				x[t*stride+v] = 0
			} else {
				x[t*stride+v] = (x[t*stride+v] - mean) / sd
			}
		}
	}
}
