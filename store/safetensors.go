package store

import (
	"bytes"
	"context"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"io"
	"path/filepath"
	"slices"
	"sort"
	"strings"
)

// The .safetensors format: https://github.com/huggingface/safetensors. Eight
// bytes with the length of the header, the header, which is a JSON object from
// names to {dtype, shape, data_offsets} and an optional "__metadata__" of
// strings, then the elements, least significant byte first, in C order. The
// tensors' bytes lie side by side without gap or overlap and end with the file.

// maxSafetensorsHeader is the format's own bound.
const maxSafetensorsHeader = 100_000_000

// headerFactor is what a header takes in memory for each of its bytes, at most, while
// it is read: half of it stays where all names are as short as can be.
const headerFactor = 12

// maxIndexBytes bounds a model.safetensors.index.json.
const maxIndexBytes = 100_000_000

// TensorInfo describes one tensor of a .safetensors file.
type TensorInfo struct {
	Name  string
	DType DType // Kind is Other where this package has no numbers for it
	Shape []int
}

// Safetensors is an open .safetensors file, or several that share one index.
// Its methods and its tensors may be used from several goroutines at once.
type Safetensors struct {
	path    string
	tensors map[string]tensorPlace
	order   []string // names as the files have them
	files   []File
	paths   []string // of the files, after that of the index
}

var safetensorsTypes = map[string]DType{
	"F64": Float64, "F32": Float32, "F16": Float16, "BF16": {Kind: BFloat, Size: 2},
	"I64": Int64, "I32": Int32, "I16": {Kind: Int, Size: 2}, "I8": {Kind: Int, Size: 1},
	"U64": {Kind: Uint, Size: 8}, "U32": {Kind: Uint, Size: 4}, "U16": {Kind: Uint, Size: 2}, "U8": {Kind: Uint, Size: 1},
	"BOOL": {Kind: Bool, Size: 1},
	// Known to the format, without numbers here: they take their place.
	"C64": {Size: 8, Name: "C64"}, "F8_E4M3": {Size: 1, Name: "F8_E4M3"}, "F8_E5M2": {Size: 1, Name: "F8_E5M2"}, "F8_E8M0": {Size: 1, Name: "F8_E8M0"},
	"F8_E4M3FNUZ": {Size: 1, Name: "F8_E4M3FNUZ"}, "F8_E5M2FNUZ": {Size: 1, Name: "F8_E5M2FNUZ"},
}

// OpenSafetensors opens a .safetensors file, an index of several
// (model.safetensors.index.json), or a model folder with either; the index
// counts in a folder with both only if there is no model.safetensors. The
// caller closes it, after the last use of its tensors.
func OpenSafetensors(fsys FS, path string) (*Safetensors, error) {
	if info, err := fsys.Stat(path); err != nil {
		return nil, openError(path, err)
	} else if info.IsDir() {
		folder := path
		path = filepath.Join(folder, "model.safetensors")
		if isMissing(fsys, path) {
			path += ".index.json"
		}
		if isMissing(fsys, path) {
			return nil, inputErrorf(folder, "has neither model.safetensors nor model.safetensors.index.json")
		}
	}
	s := &Safetensors{path: path, tensors: map[string]tensorPlace{}}
	var err error
	if strings.HasSuffix(path, ".index.json") {
		s.paths = []string{path}
		err = s.openIndex(fsys)
	} else {
		err = s.openFile(fsys, path)
	}
	if err != nil {
		s.Close()
		return nil, err
	}
	return s, nil
}

// openIndex opens every shard that the index names and demands that each
// tensor is in the shard that the index says.
func (s *Safetensors) openIndex(fsys FS) error {
	b, err := ReadFile(context.Background(), fsys, s.path, maxIndexBytes)
	if err != nil {
		return err
	}
	var index struct {
		WeightMap map[string]string `json:"weight_map"`
	}
	if err := json.Unmarshal(b, &index); err != nil {
		return &InputError{Path: s.path, Msg: "is not an index of shards", Err: err}
	}
	if len(index.WeightMap) == 0 {
		return inputErrorf(s.path, "has no weight_map")
	}
	shards := map[string]bool{}
	for _, shard := range index.WeightMap {
		shards[shard] = true
	}
	names := make([]string, 0, len(shards))
	for shard := range shards {
		names = append(names, shard)
	}
	sort.Strings(names)
	home := map[string]string{}
	for _, shard := range names {
		if !localName(shard) || strings.ContainsAny(shard, `/\`) {
			return inputErrorf(s.path, "names shard %q, expected a file beside it", shard)
		}
		before := len(s.order)
		if err := s.openFile(fsys, filepath.Join(filepath.Dir(s.path), shard)); err != nil {
			return err
		}
		for _, name := range s.order[before:] {
			home[name] = shard
		}
	}
	wanted := make([]string, 0, len(index.WeightMap))
	for name := range index.WeightMap {
		wanted = append(wanted, name)
	}
	sort.Strings(wanted)
	for _, name := range wanted {
		if home[name] != index.WeightMap[name] {
			return inputErrorf(s.path, "says tensor %q is in %s, which does not have it", name, index.WeightMap[name])
		}
	}
	return nil
}

// openFile adds the tensors of one file.
func (s *Safetensors) openFile(fsys FS, path string) error {
	f, size, err := openInput(fsys, path)
	if err != nil {
		return err
	}
	s.files, s.paths = append(s.files, f), append(s.paths, path)
	return s.addFile(path, f, size)
}

// addFile adds the tensors of an open file, which the caller closes.
func (s *Safetensors) addFile(path string, f File, size int64) error {
	header, start, err := readSafetensorsHeader(path, f, size)
	if err != nil {
		return err
	}
	for _, t := range header {
		if s.Has(t.name) {
			return inputErrorf(path, "has tensor %q, which another shard has too", t.name)
		}
		t.begin += start
		s.tensors[t.name] = tensorPlace{t, path, f}
		s.order = append(s.order, t.name)
	}
	return nil
}

// Close closes all files.
func (s *Safetensors) Close() error {
	var err error
	for _, f := range s.files {
		if cerr := f.Close(); err == nil {
			err = cerr
		}
	}
	return err
}

// Paths lists the files that were opened: the only one, or the index and its shards.
func (s *Safetensors) Paths() []string { return slices.Clone(s.paths) }

// Names lists the tensors in the order of their bytes, shard after shard.
func (s *Safetensors) Names() []string { return slices.Clone(s.order) }

// Has reports whether there is a tensor of the name.
func (s *Safetensors) Has(name string) bool {
	_, ok := s.tensors[name]
	return ok
}

// Tensor returns the tensor of a name. A vector of n elements is (n x 1).
// float16 and bfloat16 are widened as they are read. Closing it does nothing:
// the file belongs to s.
func (s *Safetensors) Tensor(name string) (Array, error) {
	if !s.Has(name) {
		return nil, inputErrorf(s.path, "has no tensor %q", name)
	}
	a, err := s.tensors[name].open()
	if err != nil {
		return nil, err
	}
	return a, nil
}

// tensorPlace is a tensor of one of the files, whose begin counts from that of the file.
type tensorPlace struct {
	tensorEntry
	path string
	file File
}

func (p tensorPlace) open() (*flat, error) {
	return newFlat(fmt.Sprintf("%s: tensor %q", p.path, p.name), p.file, p.begin, p.dtype, p.shape, false)
}

// matchSafetensors looks for the brace behind a length that a header may have.
func matchSafetensors(head []byte) bool {
	return len(head) > 8 && head[8] == '{' && binary.LittleEndian.Uint64(head) <= maxSafetensorsHeader
}

// openTensorFile is Format.Open of .safetensors files: without a name it is the
// only tensor, or the one called "responses".
func openTensorFile(path string, f File, size int64, name string) (Array, error) {
	s := &Safetensors{path: path, tensors: map[string]tensorPlace{}}
	if err := s.addFile(path, f, size); err != nil {
		return nil, err
	}
	if name == "" {
		name = "responses"
		if len(s.order) == 1 {
			name = s.order[0]
		}
		if !s.Has(name) {
			return nil, inputErrorf(path, "has %d tensors and none %q, expected a single one, or a name: %s:/%s", len(s.order), name, path, first(s.order))
		}
	}
	if !s.Has(name) {
		return nil, inputErrorf(path, "has no tensor %q, only %s", name, listed(s.order))
	}
	a, err := s.tensors[name].open()
	if err != nil {
		return nil, err
	}
	a.closer = f
	return a, nil
}

// first returns the first of names, or a word in its place.
func first(names []string) string {
	if len(names) == 0 {
		return "NAME"
	}
	return names[0]
}

// listed names what there is, in a message; of many only the first.
func listed(names []string) string {
	const most = 10
	if len(names) <= most {
		return strings.Join(names, ", ")
	}
	return fmt.Sprintf("%s and %d more", strings.Join(names[:most], ", "), len(names)-most)
}

// tensorEntry is one tensor of a header; begin and end count from the first
// byte after the header.
type tensorEntry struct {
	name       string
	dtype      DType
	shape      []int
	begin, end int64
}

// readSafetensorsHeader reads and checks the header of a file of size bytes.
// The entries come in the order of their bytes, which begin at start.
func readSafetensorsHeader(path string, r io.ReaderAt, size int64) (entries []tensorEntry, start int64, err error) {
	var head [8]byte
	if size < 8 {
		return nil, 0, inputErrorf(path, "has %d bytes, too few for a .safetensors", size)
	}
	if _, err := r.ReadAt(head[:], 0); err != nil {
		return nil, 0, pathError(path, err)
	}
	length := binary.LittleEndian.Uint64(head[:])
	if length > maxSafetensorsHeader || int64(length) > size-8 {
		return nil, 0, inputErrorf(path, "asks for a header of %d bytes, the file has %d: not a .safetensors, or cut short", length, size)
	}
	if err := Allow(r, path, headerFactor*int64(length)); err != nil {
		return nil, 0, err
	}
	text := make([]byte, length)
	if n, err := r.ReadAt(text, 8); n < len(text) {
		return nil, 0, pathError(path, err)
	}
	start = 8 + int64(length)
	entries, err = parseSafetensorsHeader(text)
	if err == nil {
		err = checkOffsets(entries, size-start)
	}
	if err != nil {
		return nil, 0, &InputError{Path: path, Msg: "bad .safetensors header", Err: err}
	}
	return entries, start, nil
}

// parseSafetensorsHeader reads the JSON. It goes by tokens, so that a name that
// comes twice is an error and not silently the last.
func parseSafetensorsHeader(text []byte) ([]tensorEntry, error) {
	if len(text) == 0 || text[0] != '{' {
		return nil, fmt.Errorf("does not begin with {")
	}
	dec := json.NewDecoder(bytes.NewReader(text))
	if _, err := dec.Token(); err != nil {
		return nil, err
	}
	var entries []tensorEntry
	seen := map[string]bool{}
	for dec.More() {
		token, err := dec.Token()
		if err != nil {
			return nil, err
		}
		name, _ := token.(string)
		if seen[name] {
			return nil, fmt.Errorf("name %q twice", name)
		}
		seen[name] = true
		if name == "__metadata__" {
			var strings map[string]string // checked, of no use here
			if err := dec.Decode(&strings); err != nil {
				return nil, fmt.Errorf("__metadata__: %w", err)
			}
			continue
		}
		var raw rawTensor
		if err := dec.Decode(&raw); err != nil {
			return nil, fmt.Errorf("tensor %q: %w", name, err)
		}
		e, err := raw.check(name)
		if err != nil {
			return nil, fmt.Errorf("tensor %q: %w", name, err)
		}
		entries = append(entries, e)
	}
	if _, err := dec.Token(); err != nil {
		return nil, err
	}
	if rest := bytes.TrimRight(text[dec.InputOffset():], " "); len(rest) > 0 {
		return nil, fmt.Errorf("%d bytes after the JSON", len(rest))
	}
	return entries, nil
}

type rawTensor struct {
	DType   string  `json:"dtype"`
	Shape   []int   `json:"shape"`
	Offsets []int64 `json:"data_offsets"`
}

func (r rawTensor) check(name string) (tensorEntry, error) {
	d, ok := safetensorsTypes[r.DType]
	switch {
	case !ok:
		return tensorEntry{}, fmt.Errorf("unknown dtype %q", r.DType)
	case len(r.Shape) > maxDims:
		return tensorEntry{}, fmt.Errorf("%d dimensions", len(r.Shape))
	case len(r.Offsets) != 2:
		return tensorEntry{}, fmt.Errorf("%d data_offsets, expected 2", len(r.Offsets))
	}
	want, ok := product(r.Shape, d.Size)
	begin, end := r.Offsets[0], r.Offsets[1]
	switch {
	case !ok:
		return tensorEntry{}, fmt.Errorf("bad shape %s", shapeString(r.Shape))
	case begin < 0 || end < begin || end-begin != want:
		return tensorEntry{}, fmt.Errorf("shape %s of %s takes %d bytes, data_offsets are [%d, %d]", shapeString(r.Shape), r.DType, want, begin, end)
	}
	return tensorEntry{name: name, dtype: d, shape: r.Shape, begin: begin, end: end}, nil
}

// checkOffsets sorts the entries by their bytes and demands that these fill
// size bytes without gap or overlap.
func checkOffsets(entries []tensorEntry, size int64) error {
	sort.SliceStable(entries, func(i, k int) bool {
		a, b := entries[i], entries[k]
		return a.begin < b.begin || a.begin == b.begin && a.end < b.end
	})
	at := int64(0)
	for _, e := range entries {
		if e.begin != at {
			return fmt.Errorf("tensor %q begins at byte %d, expected %d", e.name, e.begin, at)
		}
		at = e.end
	}
	if at != size {
		return fmt.Errorf("tensors take %d bytes, the file has %d for them", at, size)
	}
	return nil
}

// TensorData is a tensor to be written.
type TensorData struct {
	Name  string
	Shape []int
	// Data is a []float32, []float64, []int32 or []int64 in C order.
	Data any
}

// WriteSafetensors writes tensors, in the order given, as a .safetensors.
func WriteSafetensors(w io.Writer, tensors []TensorData, metadata map[string]string) error {
	infos := make([]TensorInfo, len(tensors))
	raws := make([][]byte, len(tensors))
	for i, t := range tensors {
		d, raw, err := rawElements(t.Data)
		if err != nil {
			return fmt.Errorf("tensor %q: %w", t.Name, err)
		}
		if n, ok := product(t.Shape, d.Size); !ok || n != int64(len(raw)) {
			return fmt.Errorf("tensor %q: %d bytes do not make shape %s of %s", t.Name, len(raw), shapeString(t.Shape), d)
		}
		infos[i], raws[i] = TensorInfo{Name: t.Name, DType: d, Shape: t.Shape}, raw
	}
	header, err := safetensorsHeader(infos, metadata)
	if err != nil {
		return err
	}
	if _, err := w.Write(header); err != nil {
		return err
	}
	for i, raw := range raws {
		if err := writeLittle(w, infos[i].DType, raw); err != nil {
			return err
		}
	}
	return nil
}

func rawElements(data any) (DType, []byte, error) {
	switch x := data.(type) {
	case []float32:
		return Float32, bytesOf(x), nil
	case []float64:
		return Float64, bytesOf(x), nil
	case []int32:
		return Int32, bytesOf(x), nil
	case []int64:
		return Int64, bytesOf(x), nil
	}
	return DType{}, nil, fmt.Errorf("cannot write %T", data)
}

// safetensorsHeader returns the length and the header, padded with spaces so
// that the elements begin at a multiple of 8.
func safetensorsHeader(tensors []TensorInfo, metadata map[string]string) ([]byte, error) {
	var b bytes.Buffer
	b.WriteString("{")
	separator := ""
	put := func(key string, value any) error {
		k, err := json.Marshal(key)
		if err != nil {
			return err
		}
		v, err := json.Marshal(value)
		if err != nil {
			return err
		}
		fmt.Fprintf(&b, "%s%s:%s", separator, k, v)
		separator = ","
		return nil
	}
	if len(metadata) > 0 {
		if err := put("__metadata__", metadata); err != nil {
			return nil, err
		}
	}
	seen, at := map[string]bool{"__metadata__": true}, int64(0)
	for _, t := range tensors {
		if seen[t.Name] {
			return nil, fmt.Errorf("tensor name %q twice", t.Name)
		}
		seen[t.Name] = true
		n, ok := product(t.Shape, t.DType.Size)
		if !ok {
			return nil, fmt.Errorf("tensor %q: shape %s is too large", t.Name, shapeString(t.Shape))
		}
		entry := rawTensor{DType: safetensorsName(t.DType), Shape: t.Shape, Offsets: []int64{at, at + n}}
		if entry.Shape == nil {
			entry.Shape = []int{}
		}
		if err := put(t.Name, entry); err != nil {
			return nil, err
		}
		at += n
	}
	b.WriteString("}")
	for b.Len()%8 != 0 {
		b.WriteByte(' ')
	}
	return append(binary.LittleEndian.AppendUint64(nil, uint64(b.Len())), b.Bytes()...), nil
}

func safetensorsName(d DType) string {
	for name, t := range safetensorsTypes {
		if t == d {
			return name
		}
	}
	return "?"
}
