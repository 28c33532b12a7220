package lm

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"gorgonia.org/gorgonia"

	"voxen/engine"
	"voxen/engine/op"
)

// Options says what an extraction reads and within which bounds.
type Options struct {
	Taps   []Tap // FFNOut if empty
	Layers []int // ascending; all if empty
	// Float64 computes in float64 throughout; responses are handed out in float32.
	Float64 bool
	// Memory bounds the bytes of weights, activations and responses that are
	// held at once; 0 is no bound. On a device with memory of its own it bounds
	// the host's part, and what is free there the device's.
	Memory int64
	// Progress, if any, is called with the tokens done and in all.
	Progress func(done, total int)
	// Last takes a row's response from its last word piece, not their mean.
	Last bool
	// Surprisal, if any, is called once for every row that is read, with the sum
	// over its word pieces of -log2 of their probability given the tokens before
	// them in the window, the white space before a word counted with it; NaN where a
	// piece has none before it, or for a row without any. CanPredict says whether the
	// model has probabilities. All windows are then read, whatever the checkpoint knows.
	Surprisal func(row int, bits float64)
	// SAE, if any, gives the features of an autoencoder in the place of the units of
	// the one tap and layer that are read, see SAE.Fits; columns are SAE.Columns.
	SAE *SAE
	// Zero, if any, holds units at 0 while the model runs.
	Zero *Zero
	// Checkpoint, if any, skips windows whose rows are done and learns of rows
	// that are.
	Checkpoint Checkpoint

	sets  []*Zero                             // lesions, each of which reads all windows
	each  func(lesion, row int, bits float64) // Surprisal, of the lesion with that number
	block int                                 // elements of a block of the output layer, for tests; 0 is headElements
}

// Checkpoint remembers finished ranges of rows over restarts; store.Job is one.
type Checkpoint interface {
	Done(lo, hi int) bool
	Finish(lo, hi int) error
}

// Sink takes responses: rows [lo, hi), all columns, row-major, each row once.
// store.ArraySink is one.
type Sink interface {
	WriteRows(ctx context.Context, lo, hi int, src []float32) error
}

// Stats says how an extraction went.
type Stats struct {
	Tokens   int           // read by the model, of the windows that were finished
	Windows  int           // finished, without those whose rows were done before
	Halvings int           // times that the share of a device's memory was halved for lack of it
	Bytes    int64         // of the weights, activations and responses held at once
	Streamed bool          // the weights did not fit and went through layer by layer
	Loading  time.Duration // spent on reading weights
}

// Extract runs the model over the windows of a reading and hands the responses
// at the taps to the sink, window by window: row r of column k is the mean of
// unit k over the word pieces of row r, or that of the last, zero for a row without any. Columns are
// those of Config.Columns.
//
// Where all weights fit the budget they are read once and stay on the device.
// Else windows go through each layer in groups as large as fit, and the weights
// of one layer are held at a time. A device that has less memory than it said gets
// half as much to hold, and the windows that are not finished begin anew; one without
// room for a layer and a window is *engine.OutOfMemory. When ctx ends the rows handed
// out so far stay good.
func (m *Model) Extract(ctx context.Context, mach *engine.Machine, r *Reading, opt Options, sink Sink) (Stats, error) {
	if len(opt.Taps) == 0 {
		opt.Taps = []Tap{FFNOut}
	}
	if len(opt.Layers) == 0 {
		opt.Layers, _ = ParseLayers("all", m.Config.Layers)
	}
	if opt.SAE != nil {
		if err := opt.SAE.Fits(m.Config, opt.Taps, opt.Layers); err != nil {
			return Stats{}, err
		}
	}
	opt.sets = []*Zero{opt.Zero}
	if give := opt.Surprisal; give != nil {
		opt.each = func(_, row int, bits float64) { give(row, bits) }
	}
	if opt.Float64 {
		return extract[float64](ctx, m, mach, r, opt, sink)
	}
	return extract[float32](ctx, m, mach, r, opt, sink)
}

// extractor is one extraction in progress.
type extractor[F float32 | float64] struct {
	m    *Model
	opt  Options
	sink Sink
	s    *engine.Session
	dt   op.Type // of a single element, for its dtype

	windows []Window // still to be run
	embed   *graph
	tokens  *graph   // of the tap Embed; nil where it is not read
	layers  []*graph // of every layer
	kinds   []*graph // of them, those that differ
	cols    int
	maxT    int // tokens of the longest window
	maxR    int // rows read from one window
	group   int // windows that go through a layer together
	stats   Stats
	own     bool  // the device has memory of its own
	share   int64 // of its free memory: one in so many
	total   int   // tokens to be read
	done    int   // tokens times layers

	head     *head          // nil without surprisals
	weights  []*layerBuffer // by layer; nil when not held
	shared   *layerBuffer   // of the embedding
	encoder  *layerBuffer   // of the autoencoder; nil without one
	hidden   []engine.Buffer
	tapBuf   engine.Buffer
	small    engine.Buffer // spans and rotations of a window
	masks    engine.Buffer // of the taps that are zeroed, of a layer; nil without any
	memory   engine.HostBuffer
	rows     []float32 // responses of a group, in memory
	rotation int       // tokens of the window whose rotation is in small
}

func extract[F float32 | float64](ctx context.Context, m *Model, mach *engine.Machine, r *Reading, opt Options, sink Sink) (Stats, error) {
	var all Stats
	for share := int64(1); ; share *= 2 {
		x := &extractor[F]{m: m, opt: opt, sink: sink, share: share, dt: op.Type{Dtype: op.Float32}}
		if opt.Float64 {
			x.dt.Dtype = op.Float64
		}
		err := x.extract(ctx, mach, r)
		all.Tokens, all.Windows, all.Loading = all.Tokens+x.stats.Tokens, all.Windows+x.stats.Windows, all.Loading+x.stats.Loading
		all.Bytes, all.Streamed = x.stats.Bytes, x.stats.Streamed
		var full *engine.OutOfMemory
		if !errors.As(err, &full) || !x.smaller() || opt.Checkpoint == nil && sink != nil { // without one, rows would be handed out twice
			return all, err
		}
		all.Halvings++
	}
}

// smaller reports whether less of a device's own memory than was planned for would do.
func (x *extractor[F]) smaller() bool {
	return x.own && (x.group > 1 || x.group == 1 && !x.stats.Streamed)
}

// extract reads the windows that are not done.
func (x *extractor[F]) extract(ctx context.Context, mach *engine.Machine, r *Reading) error {
	var err error
	if x.s, err = mach.NewSession(); err != nil {
		return err
	}
	defer x.close()
	x.makeGraphs()
	x.selectWindows(r)
	if len(x.windows) == 0 {
		return nil
	}
	if x.opt.each != nil {
		if err := x.makeHead(); err != nil {
			return err
		}
	}
	if err := x.plan(mach.Backend()); err != nil {
		return err
	}
	if err := x.allocate(ctx, mach.Backend()); err != nil {
		return err
	}
	for lo := 0; lo < len(x.windows); lo += x.group {
		if err := x.run(ctx, mach.Backend(), x.windows[lo:min(lo+x.group, len(x.windows))]); err != nil {
			return err
		}
	}
	return nil
}

// makeGraphs makes the graph of the embedding and one for all layers that attend
// alike.
func (x *extractor[F]) makeGraphs() {
	c := x.m.Config
	if slices.Contains(x.opt.Taps, Embed) && slices.Contains(x.opt.Layers, 0) {
		x.tokens = tokenGraph(c, x.dt.Dtype)
	}
	if x.lastLayer() < 0 {
		return
	}
	x.embed = embedGraph(c, x.dt.Dtype)
	type kind struct {
		attends attends
		encoded Tap
		zeroed  string
	}
	made := map[kind]*graph{}
	for l := range x.lastLayer() + 1 {
		zeroed := x.zeroed(l)
		k := kind{attends: c.attends(l), zeroed: namesOf(zeroed)}
		if x.opt.SAE != nil && l == x.opt.Layers[0] {
			k.encoded = x.opt.Taps[0]
		}
		if made[k] == nil {
			made[k] = layerGraph(c, x.dt.Dtype, k.attends, x.opt.SAE, k.encoded, zeroed)
			x.kinds = append(x.kinds, made[k])
		}
		x.layers = append(x.layers, made[k])
	}
}

// selectWindows takes the windows from which rows are still to be read.
func (x *extractor[F]) selectWindows(r *Reading) {
	all := make([]Window, 0, len(x.opt.sets)*len(r.Windows))
	for set := range x.opt.sets {
		for _, w := range r.Windows {
			w.set = set
			all = append(all, w)
		}
	}
	for _, w := range all {
		todo := false
		for _, run := range runs(w.Rows) {
			todo = todo || x.opt.each != nil || x.opt.Checkpoint == nil || !x.opt.Checkpoint.Done(run.Lo, run.Hi)
		}
		if !todo {
			continue
		}
		x.windows = append(x.windows, w)
		x.maxT, x.maxR = max(x.maxT, len(w.IDs)), max(x.maxR, len(w.Rows))
		x.total += len(w.IDs)
	}
	for _, l := range x.opt.Layers {
		x.cols += x.units(l)
	}
}

// units is the number of columns of a layer.
func (x *extractor[F]) units(l int) (n int) {
	for _, t := range x.opt.Taps {
		if t.In(l) {
			n += x.width(t)
		}
	}
	return n
}

// width is the number of columns of a tap in a layer.
func (x *extractor[F]) width(t Tap) int {
	if x.opt.SAE != nil {
		return x.opt.SAE.Features
	}
	return x.m.Config.Units(t)
}

// runs gives the ranges of consecutive numbers in an ascending list.
func runs(rows []int) []Span {
	var out []Span
	for i, r := range rows {
		if i > 0 && rows[i-1] == r-1 {
			out[len(out)-1].Hi++
			continue
		}
		out = append(out, Span{r, r + 1})
	}
	return out
}

// roundUp rounds to the alignment of arrays on a device.
func roundUp(n int64) int64 { return (n + 255) / 256 * 256 }

// bytes is the size of n elements on the device.
func (x *extractor[F]) bytes(n int) int64 { return roundUp(int64(n) * int64(x.dt.Dtype.Size())) }

// needs are the sizes that a plan is made of.
type needs struct {
	fixed  int64 // embedding weights, intermediates, spare residual stream, spans, taps
	layer  int64 // weights of one layer
	head   int64 // weights of the output layer
	block  int64 // of its largest block
	stream int64 // residual stream of one window
	host   int64 // responses of one window
}

// tapBytes are the responses at the taps of one layer to one window, side by side.
func (x *extractor[F]) tapBytes() (n int64) {
	for _, t := range x.opt.Taps {
		n += x.bytes(x.maxR * x.width(t))
	}
	return n
}

// smallBytes are the spans and the rotation of one window.
func (x *extractor[F]) smallBytes() int64 {
	return x.bytes(2*x.maxR) + 2*x.bytes(x.maxT*x.m.Config.Rope.Units/2)
}

// temp is the intermediates of the graph that needs most of them, in the longest
// window.
func (x *extractor[F]) temp() (most int64, err error) {
	weights := x.m.Config.layerWeights(0)
	for _, g := range x.kinds {
		in, _ := x.bind(g, weights, nil, x.maxT, x.maxR)
		results := []*gorgonia.Node{g.out}
		for _, t := range x.opt.Taps {
			if t != Embed {
				results = append(results, g.taps[t])
			}
		}
		n, err := x.s.TempBytes(in, results...)
		if err != nil {
			return 0, err
		}
		most = max(most, n)
	}
	if x.tokens != nil {
		n, err := x.s.TempBytes(x.bindTokens(x.maxT, x.maxR, nil), x.tokens.taps[Embed])
		if err != nil {
			return 0, err
		}
		most = max(most, n)
	}
	if x.embed != nil {
		n, err := x.s.TempBytes(x.bindEmbed(x.maxT, nil), x.embed.out)
		if err != nil {
			return 0, err
		}
		most = max(most, n)
	}
	if x.head != nil {
		norm, logits, _, _, _ := x.bindHead(x.maxT, nil, nil)
		for g, in := range map[*graph]map[*gorgonia.Node]engine.Resident{x.head.norm: norm, x.head.logits: logits} {
			n, err := x.s.TempBytes(in, g.out)
			if err != nil {
				return 0, err
			}
			most = max(most, n)
		}
	}
	return most, nil
}

func (x *extractor[F]) measure() (needs, error) {
	c := x.m.Config
	var n needs
	if x.lastLayer() >= 0 {
		for _, w := range c.layerWeights(0) {
			n.layer += x.bytes(w.elements())
		}
	}
	for _, w := range x.embedWeights() {
		n.fixed += x.bytes(w.elements())
	}
	if x.opt.SAE != nil {
		for _, w := range x.opt.SAE.weights() {
			n.fixed += x.bytes(w.elements())
		}
	}
	temp, err := x.temp()
	if err != nil {
		return n, err
	}
	n.stream = x.bytes(x.maxT * c.Hidden)
	n.fixed += temp + n.stream + x.smallBytes() + x.tapBytes() + x.maskBytes()
	n.host = int64(x.maxR) * int64(x.cols) * 4
	if x.head != nil {
		n.fixed += x.headBytes()
		for _, w := range c.family.headWeights(c) {
			n.fixed += x.bytes(w.elements())
		}
		for b := range x.head.blocks {
			size := int64(0)
			for _, w := range x.head.block(b) {
				size += x.bytes(w.elements())
			}
			n.head, n.block = n.head+size, max(n.block, size)
		}
	}
	return n, nil
}

// groupTokens bounds the tokens that go through a layer together on a processor.
// To read a weight in bfloat16 at 1 GB/s takes 2 ns, and 41 ns the 8,192
// operations with it at 200 GFLOP/s; an interruption, which loses the group under
// way, costs no more than that many tokens.
const groupTokens = 4096

// plan decides whether the weights stay, and how many windows go together.
func (x *extractor[F]) plan(be engine.Backend) error {
	n, err := x.measure()
	if err != nil {
		return err
	}
	b, err := x.budgets(be)
	if err != nil {
		return err
	}
	x.own = b.own
	x.group, x.stats.Streamed, err = n.fit(b, x.lastLayer()+1, len(x.windows), x.maxT)
	if lack, ok := err.(*engine.OutOfMemory); ok {
		lack.Device = be.Device().Name
		return fmt.Errorf("a layer and a window: %w", lack)
	}
	if err != nil {
		return err
	}
	held := int64(x.lastLayer()+1)*n.layer + n.head
	if x.stats.Streamed {
		held = n.layer + n.block
	}
	x.stats.Bytes = n.fixed + held + int64(x.group)*(n.stream+n.host)
	return nil
}

// budget is the bytes that may be taken on the device and on the host, the same
// bytes unless the device has memory of its own; 0 is no bound.
type budget struct {
	device, host int64
	own          bool
}

// fit finds how many windows of at most the given tokens go through a layer
// together, and whether the weights of all layers have no room, so that they are
// streamed: group*(stream + host) + fixed + layers*layer within the budget, on a device
// of its own without the responses, which are the host's.
func (n needs) fit(b budget, layers, windows, tokens int) (group int, streamed bool, err error) {
	shared := n.host // what responses take of the device's budget
	if b.own {
		if shared = 0; b.host > 0 && n.host > b.host {
			return 0, false, &engine.OverBudget{Need: n.host, Budget: b.host}
		}
	}
	if b.device == 0 || n.fixed+int64(layers)*n.layer+n.head+n.stream+shared <= b.device {
		return 1, false, nil
	}
	least := n.fixed + n.layer + n.block + n.stream + shared
	switch {
	case least <= b.device:
	case b.own:
		return 0, false, &engine.OutOfMemory{Want: least, Free: b.device}
	default:
		return 0, false, &engine.OverBudget{Need: least, Budget: b.device}
	}
	fits := (b.device - n.fixed - n.layer - n.block) / (n.stream + shared)
	switch {
	case !b.own:
		fits = min(fits, int64(max(1, groupTokens/tokens)))
	case b.host > 0:
		fits = min(fits, b.host/n.host)
	}
	return int(min(fits, int64(windows))), true, nil
}

// budgets asks the backend for its memory and whether that is the host's.
func (x *extractor[F]) budgets(be engine.Backend) (budget, error) {
	probe, err := be.Alloc(1)
	if err != nil {
		return budget{}, err
	}
	defer probe.Free()
	if probe.Host() != nil {
		return budget{device: x.opt.Memory, host: x.opt.Memory}, nil
	}
	free, _, err := be.Memory()
	return budget{device: max(1, free/10*9/x.share), host: x.opt.Memory, own: true}, err
}

// lastLayer is the last one that is run; -1 where embeddings alone are read.
func (x *extractor[F]) lastLayer() int {
	if x.opt.each != nil {
		return x.m.Config.Layers - 1
	}
	if len(x.opt.Taps) == 1 && x.opt.Taps[0] == Embed {
		return -1
	}
	return x.opt.Layers[len(x.opt.Layers)-1]
}

// allocate makes the buffers that last for the whole extraction.
func (x *extractor[F]) allocate(ctx context.Context, be engine.Backend) error {
	c := x.m.Config
	x.weights = make([]*layerBuffer, x.lastLayer()+1)
	var err error
	if x.shared, err = newLayerBuffer(be, x.embedWeights(), x.dt.Dtype); err != nil {
		return err
	}
	if err := x.load(ctx, x.shared); err != nil {
		return err
	}
	if s := x.opt.SAE; s != nil {
		if x.encoder, err = newLayerBuffer(be, s.weights(), x.dt.Dtype); err != nil {
			return err
		}
		if err := x.loadFrom(ctx, &s.tensors, x.encoder); err != nil {
			return err
		}
	}
	if h := x.head; h != nil {
		if h.weights, err = newLayerBuffer(be, c.family.headWeights(c), x.dt.Dtype); err != nil {
			return err
		}
		if err := x.load(ctx, h.weights); err != nil {
			return err
		}
		if h.buf, err = be.Alloc(int(x.headBytes())); err != nil {
			return err
		}
	}
	for range x.group + 1 {
		b, err := be.Alloc(int(x.bytes(x.maxT * c.Hidden)))
		if err != nil {
			return err
		}
		x.hidden = append(x.hidden, b)
	}
	if x.tapBuf, err = be.Alloc(int(x.tapBytes())); err != nil {
		return err
	}
	if x.small, err = be.Alloc(int(x.smallBytes())); err != nil {
		return err
	}
	if n := x.maskBytes(); n > 0 {
		if x.masks, err = be.Alloc(int(n)); err != nil {
			return err
		}
	}
	// Not on Go's heap: the collector would let it grow to twice the size.
	if x.memory, err = be.Host(4 * max(1, x.group*x.maxR*x.cols)); err != nil {
		return err
	}
	x.rows = engine.View[float32](x.memory.Bytes())
	return nil
}

// embedWeights are those of the first residual stream, where it is needed.
func (x *extractor[F]) embedWeights() []weight {
	if x.embed == nil {
		return nil
	}
	return x.m.Config.embedWeights()
}

// close frees everything.
func (x *extractor[F]) close() {
	x.s.Close()
	if x.memory != nil {
		x.memory.Free()
	}
	for _, b := range append(x.hidden, x.tapBuf, x.small, x.masks) {
		if b != nil {
			b.Free()
		}
	}
	held := append(x.weights, x.shared, x.encoder)
	if h := x.head; h != nil {
		held = append(append(held, h.weights), h.blocks...)
		if h.buf != nil {
			h.buf.Free()
		}
	}
	for _, l := range held {
		if l != nil && l.buf != nil {
			l.buf.Free()
		}
	}
}

// run takes a group of windows through all layers and hands out its rows.
func (x *extractor[F]) run(ctx context.Context, be engine.Backend, group []Window) error {
	for k, w := range group {
		if err := x.start(ctx, w, k); err != nil {
			return err
		}
		if len(x.weights) == 0 {
			x.progress(len(w.IDs))
		}
	}
	col := 0
	for l := range x.weights {
		if err := x.hold(ctx, be, l); err != nil {
			return err
		}
		read := slices.Contains(x.opt.Layers, l)
		for k, w := range group {
			if err := ctx.Err(); err != nil {
				return err
			}
			if err := x.step(ctx, l, k, w, read, col); err != nil {
				return err
			}
			x.progress(len(w.IDs))
		}
		if read {
			col += x.units(l)
		}
	}
	if x.head != nil {
		if err := x.surprise(ctx, be, group); err != nil {
			return err
		}
	}
	for k, w := range group {
		if err := x.hand(ctx, k, w); err != nil {
			return err
		}
	}
	return nil
}

func (x *extractor[F]) progress(tokens int) {
	x.done += tokens
	if x.opt.Progress != nil {
		x.opt.Progress(x.done/max(1, len(x.weights)), x.total)
	}
}

// hold sees to it that the weights of layer l are on the device.
func (x *extractor[F]) hold(ctx context.Context, be engine.Backend, l int) (err error) {
	if x.weights[l] != nil {
		return nil
	}
	ws := x.m.Config.layerWeights(l)
	if prev := l - 1; x.stats.Streamed {
		if l == 0 {
			prev = len(x.weights) - 1 // of the group before
		}
		x.weights[l], x.weights[prev] = x.weights[prev], nil
	}
	if x.weights[l] == nil {
		if x.weights[l], err = newLayerBuffer(be, ws, x.dt.Dtype); err != nil {
			return err
		}
	}
	x.weights[l].weights = ws
	return x.load(ctx, x.weights[l])
}

// load is loadWeights by the clock.
func (x *extractor[F]) load(ctx context.Context, l *layerBuffer) error {
	return x.loadFrom(ctx, &x.m.tensors, l)
}

// loadFrom is load from files of others.
func (x *extractor[F]) loadFrom(ctx context.Context, from *tensors, l *layerBuffer) error {
	start := time.Now()
	err := loadWeights[F](ctx, from, x.s, l)
	x.stats.Loading += time.Since(start)
	return err
}

// bind gives the inputs of the layer's graph for a window of T tokens and R
// rows: the weights of l where they are held, else the types alone.
func (x *extractor[F]) bind(g *graph, ws []weight, l *layerBuffer, T, R int) (in map[*gorgonia.Node]engine.Resident, spans engine.Resident) {
	c := x.m.Config
	in = map[*gorgonia.Node]engine.Resident{}
	typ := func(d op.Dims) op.Type { return op.Type{Dtype: x.dt.Dtype, Dims: d} }
	for i, w := range ws {
		r := engine.Resident{Type: typ(w.dims())}
		if l != nil {
			r = l.arrays[i]
		}
		in[g.inputs[w.name]] = r
	}
	if g.encoded != "" {
		for i, w := range x.opt.SAE.weights() {
			r := engine.Resident{Type: typ(w.dims())}
			if x.encoder != nil {
				r = x.encoder.arrays[i]
			}
			in[g.inputs[w.name]] = r
		}
	}
	x.bindMasks(g, in)
	in[g.inputs["x"]] = engine.Resident{Type: typ(op.Dims{1, 1, T, c.Hidden})}
	spans = engine.Resident{Type: typ(op.Dims{1, 1, R, 2}), Buf: x.small}
	in[g.inputs["spans"]] = spans
	if n := c.Rope.Units / 2; n > 0 {
		half := op.Dims{1, 1, T, n}
		at := int(x.bytes(2 * x.maxR))
		in[g.inputs["cos"]] = engine.Resident{Type: typ(half), Buf: x.small, Offset: at}
		in[g.inputs["sin"]] = engine.Resident{Type: typ(half), Buf: x.small, Offset: at + int(x.bytes(x.maxT*n))}
	}
	return in, spans
}

// bindEmbed gives the inputs of the embedding's graph for a window of T tokens whose
// words' embeddings are in buf.
func (x *extractor[F]) bindEmbed(T int, buf engine.Buffer) map[*gorgonia.Node]engine.Resident {
	c := x.m.Config
	typ := func(d op.Dims) op.Type { return op.Type{Dtype: x.dt.Dtype, Dims: d} }
	in := map[*gorgonia.Node]engine.Resident{x.embed.inputs["words"]: {Type: typ(op.Dims{1, 1, T, c.Embed}), Buf: buf}}
	for i, w := range c.embedWeights() {
		r := engine.Resident{Type: typ(w.dims())}
		if x.shared != nil {
			r = x.shared.arrays[i]
		}
		if w.name == "positions" {
			r.Type = typ(op.Dims{1, 1, T, c.Hidden}) // its first rows
		}
		in[x.embed.inputs[w.name]] = r
	}
	return in
}

// bindTokens gives the inputs of the graph of the tap Embed for a window of T tokens and
// R rows whose words' embeddings are in buf.
func (x *extractor[F]) bindTokens(T, R int, buf engine.Buffer) map[*gorgonia.Node]engine.Resident {
	typ := func(rows, cols int) op.Type { return op.Type{Dtype: x.dt.Dtype, Dims: op.Dims{1, 1, rows, cols}} }
	return map[*gorgonia.Node]engine.Resident{
		x.tokens.inputs["words"]: {Type: typ(T, x.m.Config.Embed), Buf: buf},
		x.tokens.inputs["spans"]: {Type: typ(R, 2), Buf: x.small},
	}
}

// readTokens reads the words' embeddings of window k of a group, which are in buf.
func (x *extractor[F]) readTokens(ctx context.Context, w Window, k int, buf engine.Buffer) error {
	in := x.bindTokens(len(w.IDs), len(w.Rows), buf)
	if err := x.fillSpans(ctx, w, in[x.tokens.inputs["spans"]]); err != nil {
		return err
	}
	out := engine.Resident{Type: op.Type{Dtype: x.dt.Dtype, Dims: op.Dims{1, 1, len(w.Rows), x.m.Config.Embed}}, Buf: x.tapBuf}
	if err := x.s.Run(in, map[*gorgonia.Node]engine.Resident{x.tokens.taps[Embed]: out}); err != nil {
		return err
	}
	col := 0
	for _, t := range x.opt.Taps[:slices.Index(x.opt.Taps, Embed)] {
		col += x.m.Config.Units(t)
	}
	return x.overflowed(x.fetch(ctx, out, k, col), Embed, 0)
}

// overflowed says where responses were that are not finite.
func (x *extractor[F]) overflowed(err error, t Tap, l int) error {
	var bad notFinite
	if errors.As(err, &bad) {
		return badf(x.m.dir, "responses of %s in layer %d are not finite (%v): its weights lead beyond the numbers of float32", t, l, float64(bad))
	}
	return err
}

// start makes the first residual stream of window k of a group.
func (x *extractor[F]) start(ctx context.Context, w Window, k int) error {
	c := x.m.Config
	typ := func(cols int) op.Type { return op.Type{Dtype: x.dt.Dtype, Dims: op.Dims{1, 1, len(w.IDs), cols}} }
	words := engine.Resident{Type: typ(c.Embed), Buf: x.hidden[k]}
	if x.embed != nil {
		words.Buf = x.hidden[x.group] // the spare one
	}
	table, err := x.m.tensor(c.family.words)
	if err != nil {
		return err
	}
	flat := table.AsRow()
	const tokens = 32 // of a piece
	err = engine.Fill(ctx, x.s, words, func(first, last int, dst []F) error {
		return inPieces(first, last, tokens*c.Embed, func(lo, hi int) error {
			for at := lo; at < hi; {
				token, unit := at/c.Embed, at%c.Embed
				n := min(c.Embed-unit, hi-at)
				from := w.IDs[token]*c.Embed + unit
				row := dst[at-first : at-first+n]
				if err := readElements(ctx, flat, from, from+n, row); err != nil {
					return err
				}
				if err := finite(row); err != nil {
					return badf(x.m.dir, "tensor %s%s: row %d %v", x.m.prefix, c.family.words, w.IDs[token], err)
				}
				at += n
			}
			return nil
		})
	})
	if err == nil && x.tokens != nil {
		err = x.readTokens(ctx, w, k, words.Buf)
	}
	if err != nil || x.embed == nil {
		return err
	}
	return x.s.Run(x.bindEmbed(len(w.IDs), words.Buf), map[*gorgonia.Node]engine.Resident{x.embed.out: {Type: typ(c.Hidden), Buf: x.hidden[k]}})
}

// step takes window k of a group through layer l and, where the layer is read,
// copies its responses to columns from col on.
func (x *extractor[F]) step(ctx context.Context, l, k int, w Window, read bool, col int) error {
	c := x.m.Config
	T, R, g := len(w.IDs), len(w.Rows), x.layers[l]
	in, spans := x.bind(g, x.weights[l].weights, x.weights[l], T, R)
	if err := x.prepare(ctx, w, g, in, spans); err != nil {
		return err
	}
	if err := x.fillMasks(ctx, w, l, g, in); err != nil {
		return err
	}
	node := g.inputs["x"]
	stream := in[node]
	stream.Buf = x.hidden[k]
	in[node] = stream
	out := map[*gorgonia.Node]engine.Resident{}
	onward := l < x.lastLayer() || x.head != nil
	if onward {
		stream.Buf = x.hidden[x.group]
		out[g.out] = stream
	}
	at := 0
	type reading struct {
		tap Tap
		col int
		engine.Resident
	}
	var taps []reading
	if read {
		for _, t := range x.opt.Taps {
			if t == Embed {
				if t.In(l) {
					col += c.Units(t) // readTokens
				}
				continue
			}
			r := engine.Resident{Type: op.Type{Dtype: x.dt.Dtype, Dims: op.Dims{1, 1, R, x.width(t)}}, Buf: x.tapBuf, Offset: at}
			at += int(x.bytes(R * x.width(t)))
			out[g.taps[t]] = r
			taps = append(taps, reading{t, col, r})
			col += x.width(t)
		}
	}
	if err := x.s.Run(in, out); err != nil {
		return err
	}
	if onward {
		x.hidden[k], x.hidden[x.group] = x.hidden[x.group], x.hidden[k]
	}
	for _, r := range taps {
		if err := x.fetch(ctx, r.Resident, k, r.col); err != nil {
			return x.overflowed(err, r.tap, l)
		}
	}
	return nil
}

// fillSpans writes which tokens each row of a window is read from.
func (x *extractor[F]) fillSpans(ctx context.Context, w Window, spans engine.Resident) error {
	return engine.Fill(ctx, x.s, spans, func(lo, hi int, dst []F) error {
		for i := range dst {
			s := w.Spans[w.Rows[(lo+i)/2]-w.Lo]
			if x.opt.Last && s.Lo < s.Hi {
				s.Lo = s.Hi - 1
			}
			dst[i] = F(s.Lo)
			if (lo+i)%2 == 1 {
				dst[i] = F(s.Hi)
			}
		}
		return nil
	})
}

// prepare writes the spans and, where there are any, the rotations of a window.
func (x *extractor[F]) prepare(ctx context.Context, w Window, g *graph, in map[*gorgonia.Node]engine.Resident, spans engine.Resident) error {
	err := x.fillSpans(ctx, w, spans)
	c, T := x.m.Config, len(w.IDs)
	if err != nil || c.Rope.Units == 0 || x.rotation == T {
		return err
	}
	cos, sin := c.Rope.tables(T)
	for name, table := range map[string][]float64{"cos": cos, "sin": sin} {
		err := engine.Fill(ctx, x.s, in[g.inputs[name]], func(lo, hi int, dst []F) error {
			for i := range dst {
				dst[i] = F(table[lo+i])
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	x.rotation = T
	return nil
}

// fetch copies responses (rows x units) of window k to columns from col on.
func (x *extractor[F]) fetch(ctx context.Context, r engine.Resident, k, col int) error {
	units := r.Dims[3]
	base := k*x.maxR*x.cols + col
	return engine.Fetch(ctx, x.s, r, func(lo int, src []F) error {
		for i := 0; i < len(src); {
			row, unit := (lo+i)/units, (lo+i)%units
			n := min(units-unit, len(src)-i)
			dst := x.rows[base+row*x.cols+unit:][:n]
			narrow(dst, src[i:i+n])
			if err := finite(dst); err != nil {
				return err
			}
			i += n
		}
		return nil
	})
}

// narrow is dst = src in float32.
func narrow[F float32 | float64](dst []float32, src []F) {
	if same, ok := any(src).([]float32); ok {
		copy(dst, same)
		return
	}
	for j, v := range src {
		dst[j] = float32(v)
	}
}

// hand gives the rows of window k of a group to the sink.
func (x *extractor[F]) hand(ctx context.Context, k int, w Window) error {
	at := k * x.maxR * x.cols
	for _, run := range runs(w.Rows) {
		if x.sink == nil {
			break
		}
		n := (run.Hi - run.Lo) * x.cols
		if err := x.sink.WriteRows(ctx, run.Lo, run.Hi, x.rows[at:at+n]); err != nil {
			return err
		}
		if c := x.opt.Checkpoint; c != nil && !c.Done(run.Lo, run.Hi) {
			if err := c.Finish(run.Lo, run.Hi); err != nil {
				return err
			}
		}
		at += n
	}
	x.stats.Tokens += len(w.IDs)
	x.stats.Windows++
	return nil
}
