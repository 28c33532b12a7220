package engine

import (
	"context"
	"fmt"
	"sort"
	"unsafe"

	"gorgonia.org/gorgonia"

	"voxen/engine/op"
)

// Resident is a dense array that its owner keeps on the device between runs: a
// weight, or a state that goes from one graph to the next.
type Resident struct {
	op.Type
	Buf    Buffer
	Offset int // bytes from the start of Buf, a multiple of 256
}

// Session runs graphs over arrays that stay on the device, without the tiles of
// Machine.Run: one call is one pass over one graph. It is what a model of many
// layers needs, whose weights outlive any graph. A Session may be used by one
// goroutine at a time; Close frees its stream and its intermediates, not the
// arrays.
type Session struct {
	m             *Machine
	stream        Stream
	temp, scratch Buffer
	staging       HostBuffer
	plans         map[*gorgonia.ExprGraph]map[string]*plan
}

// NewSession opens a session on the machine's backend.
func (m *Machine) NewSession() (*Session, error) {
	st, err := m.be.NewStream()
	if err != nil {
		return nil, err
	}
	return &Session{m: m, stream: st, plans: map[*gorgonia.ExprGraph]map[string]*plan{}}, nil
}

// Close waits for what was queued and frees what the session holds.
func (s *Session) Close() error {
	err := s.stream.Synchronize()
	for _, b := range []Buffer{s.temp, s.scratch} {
		if b != nil {
			b.Free()
		}
	}
	if s.staging != nil {
		s.staging.Free()
	}
	if cerr := s.stream.Close(); err == nil {
		err = cerr
	}
	s.temp, s.scratch, s.staging = nil, nil, nil
	return err
}

// Run computes the nodes of out, each into its array, from the arrays of in. It
// may return before the work is done; arrays stay as they are until Wait or a
// Download returns. An array is in one place: what Run writes must not be read
// by it.
func (s *Session) Run(in, out map[*gorgonia.Node]Resident) error {
	inputs, results := nodes(in), nodes(out)
	p, err := s.plan(inputs, results, in)
	if err != nil {
		return err
	}
	for k, n := range results {
		if p.results[k] != out[n].Type {
			return fmt.Errorf("engine: result %v is %v, its array %v", n, p.results[k], out[n].Type)
		}
	}
	if err := s.grow(p); err != nil {
		return err
	}
	var array func(at place) Array
	array = func(at place) Array {
		a := Array{Type: at.Type, Offset: at.offset, Strides: at.strides, Delay: at.delay}
		if at.pad != nil {
			pad := array(*at.pad)
			a.Pad = &pad
		}
		switch at.space {
		case inTemp:
			a.Buf = s.temp
		case inResult:
			r := out[results[at.slot]]
			a.Buf, a.Offset = r.Buf, a.Offset+r.Offset
		case inInput:
			r := in[inputs[at.slot]]
			a.Buf, a.Offset = r.Buf, a.Offset+r.Offset
		}
		return a
	}
	for i := range p.steps {
		st := &p.steps[i]
		c := Call{Stream: s.stream, Out: array(st.out), In: make([]Array, len(st.in)),
			Scratch: Array{Type: op.Type{Dtype: op.Float64, Dims: op.Dims{1, 1, 1, p.scratch / 8}}, Buf: s.scratch}}
		for k, at := range st.in {
			c.In[k] = array(at)
		}
		for _, at := range st.also {
			c.Also = append(c.Also, array(at))
		}
		if err := dispatch(s.m.be, &c, st.spec); err != nil {
			return fmt.Errorf("%s: %w", op.Name(st.spec), err)
		}
	}
	return nil
}

// nodes lists the nodes of a map in the order of their graph.
func nodes(m map[*gorgonia.Node]Resident) []*gorgonia.Node {
	ns := make([]*gorgonia.Node, 0, len(m))
	for n := range m {
		ns = append(ns, n)
	}
	sort.Slice(ns, func(i, j int) bool { return ns[i].ID() < ns[j].ID() })
	return ns
}

// plan compiles a graph for arrays of these types, once.
func (s *Session) plan(inputs, results []*gorgonia.Node, in map[*gorgonia.Node]Resident) (*plan, error) {
	if len(results) == 0 {
		return nil, fmt.Errorf("engine: a run without results")
	}
	g := results[0].Graph()
	if s.plans[g] == nil {
		s.plans[g] = map[string]*plan{}
	}
	types := make([]op.Type, len(inputs))
	for i, n := range inputs {
		types[i] = in[n].Type
	}
	key := planKey(inputs, types, results)
	if p, ok := s.plans[g][key]; ok {
		return p, nil
	}
	p, err := compile(s.m.be, inputs, types, results)
	if err == nil {
		s.plans[g][key] = p
	}
	return p, err
}

// TempBytes is the device memory that the session needs for intermediates when
// it computes results from arrays of the types of in, whose buffers are not used.
func (s *Session) TempBytes(in map[*gorgonia.Node]Resident, results ...*gorgonia.Node) (int64, error) {
	sorted := append([]*gorgonia.Node(nil), results...)
	sort.Slice(sorted, func(i, j int) bool { return sorted[i].ID() < sorted[j].ID() })
	p, err := s.plan(nodes(in), sorted, in)
	if err != nil {
		return 0, err
	}
	return int64(p.temp) + int64(p.scratch), nil
}

// grow makes room for a plan's intermediates.
func (s *Session) grow(p *plan) error {
	for _, b := range []struct {
		buf  *Buffer
		want int
	}{{&s.temp, p.temp}, {&s.scratch, p.scratch}} {
		if *b.buf != nil && (*b.buf).Bytes() >= b.want {
			continue
		}
		if *b.buf != nil {
			if err := s.stream.Synchronize(); err != nil {
				return err
			}
			(*b.buf).Free()
			*b.buf = nil
		}
		var err error
		if *b.buf, err = s.m.be.Alloc(max(b.want, align)); err != nil {
			return err
		}
	}
	return nil
}

// Wait blocks until all that was queued is done.
func (s *Session) Wait() error { return s.stream.Synchronize() }

// stagingBytes is the size of the pieces in which arrays go to a device whose
// memory the host cannot see.
const stagingBytes = 16 << 20

// Fill writes an array from host memory: fill is called for ranges [lo, hi) of
// its elements, in order, and writes them to dst. F is the array's type.
func Fill[F float32 | float64](ctx context.Context, s *Session, r Resident, fill func(lo, hi int, dst []F) error) error {
	size := int(unsafe.Sizeof(*new(F)))
	n := r.Dims.Size()
	if int(r.Dtype.Size()) != size {
		return fmt.Errorf("engine: fill of %v with elements of %d bytes", r.Type, size)
	}
	if err := s.stream.Synchronize(); err != nil {
		return err
	}
	if mem := r.Buf.Host(); mem != nil {
		return fill(0, n, View[F](mem[r.Offset:r.Offset+n*size]))
	}
	if err := s.stage(); err != nil {
		return err
	}
	for lo := 0; lo < n; {
		if err := ctx.Err(); err != nil {
			return err
		}
		hi := min(lo+stagingBytes/size, n)
		mem := s.staging.Bytes()[:(hi-lo)*size]
		if err := fill(lo, hi, View[F](mem)); err != nil {
			return err
		}
		if err := s.m.be.Upload(s.stream, r.Buf, r.Offset+lo*size, mem); err != nil {
			return err
		}
		if err := s.stream.Synchronize(); err != nil {
			return err
		}
		lo = hi
	}
	return nil
}

// stage makes the session's staging memory.
func (s *Session) stage() (err error) {
	if s.staging == nil {
		s.staging, err = s.m.be.Host(stagingBytes)
	}
	return err
}

// Fetch waits for what was queued and hands the elements of an array to take,
// in order, in ranges that begin at element lo; src is valid during the call.
func Fetch[F float32 | float64](ctx context.Context, s *Session, r Resident, take func(lo int, src []F) error) error {
	size := int(unsafe.Sizeof(*new(F)))
	n := r.Dims.Size()
	if int(r.Dtype.Size()) != size {
		return fmt.Errorf("engine: fetch of %v as elements of %d bytes", r.Type, size)
	}
	if mem := r.Buf.Host(); mem != nil {
		if err := s.stream.Synchronize(); err != nil {
			return err
		}
		return take(0, View[F](mem[r.Offset:r.Offset+n*size]))
	}
	if err := s.stage(); err != nil {
		return err
	}
	for lo := 0; lo < n; {
		if err := ctx.Err(); err != nil {
			return err
		}
		hi := min(lo+stagingBytes/size, n)
		mem := s.staging.Bytes()[:(hi-lo)*size]
		if err := s.m.be.Download(s.stream, mem, r.Buf, r.Offset+lo*size); err != nil {
			return err
		}
		if err := s.stream.Synchronize(); err != nil {
			return err
		}
		if err := take(lo, View[F](mem)); err != nil {
			return err
		}
		lo = hi
	}
	return nil
}

// View shows bytes as elements.
func View[F float32 | float64](b []byte) []F {
	return unsafe.Slice((*F)(unsafe.Pointer(unsafe.SliceData(b))), len(b)/int(unsafe.Sizeof(*new(F))))
}
