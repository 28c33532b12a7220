package brain

import (
	"bufio"
	"bytes"
	"context"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/klauspost/compress/zlib"

	"voxen/store"
)

// GiftiArray is one data array of a GIFTI file. Its values are stored
// little-endian in row-major order.
type GiftiArray struct {
	Intent   string // such as NIFTI_INTENT_TIME_SERIES
	Datatype Datatype
	Dims     []int
	Meta     map[string]string

	raw []byte
}

// The intents of surface data.
const (
	IntentPoints     = "NIFTI_INTENT_POINTSET"
	IntentTriangles  = "NIFTI_INTENT_TRIANGLE"
	IntentTimeSeries = "NIFTI_INTENT_TIME_SERIES"
	IntentLabel      = "NIFTI_INTENT_LABEL"
	IntentShape      = "NIFTI_INTENT_SHAPE"
	IntentNone       = "NIFTI_INTENT_NONE"
)

// Len returns the number of values.
func (a *GiftiArray) Len() int { return len(a.raw) / a.Datatype.Size() }

// Float64s returns the values, the last axis fastest.
func (a *GiftiArray) Float64s() []float64 {
	out := make([]float64, a.Len())
	decode(out, a.raw, a.Datatype, scaling{})
	return out
}

// NewGiftiArray returns an array of the values, stored as d.
func NewGiftiArray(intent string, d Datatype, dims []int, values []float64) (GiftiArray, error) {
	a := GiftiArray{Intent: intent, Datatype: d, Dims: dims}
	n := 1
	for _, k := range dims {
		n *= k
	}
	if d.Size() == 0 || n != len(values) || n == 0 {
		return a, fmt.Errorf("%d values of %s for dimensions %v", len(values), d, dims)
	}
	a.raw = make([]byte, n*d.Size())
	return a, encode(a.raw, values, d)
}

// Gifti is a GIFTI file in memory: a surface, or data on one.
type Gifti struct {
	Path   string
	Meta   map[string]string
	Labels LabelTable
	Arrays []GiftiArray
}

// Find returns the first array of an intent, nil if there is none.
func (g *Gifti) Find(intent string) *GiftiArray {
	for i := range g.Arrays {
		if g.Arrays[i].Intent == intent {
			return &g.Arrays[i]
		}
	}
	return nil
}

// Surface returns the points (n x 3, in mm) and triangles (m x 3, places in
// the points) of a surface file.
func (g *Gifti) Surface() (points [][3]float64, triangles [][3]int, err error) {
	p, t := g.Find(IntentPoints), g.Find(IntentTriangles)
	if p == nil || t == nil {
		return nil, nil, inputErrorf(g.Path, "no points and triangles, expected a surface")
	}
	for _, a := range []*GiftiArray{p, t} {
		if len(a.Dims) != 2 || a.Dims[1] != 3 {
			return nil, nil, inputErrorf(g.Path, "%s has dimensions %v, expected n x 3", a.Intent, a.Dims)
		}
	}
	xyz := p.Float64s()
	for i := 0; i < len(xyz); i += 3 {
		points = append(points, [3]float64(xyz[i:i+3]))
	}
	corners := t.Float64s()
	for i, x := range corners {
		if x < 0 || x >= float64(len(points)) || x != math.Trunc(x) {
			return nil, nil, inputErrorf(g.Path, "triangle %d has corner %g, expected 0 to %d", i/3, x, len(points)-1)
		}
		if i%3 == 2 {
			triangles = append(triangles, [3]int{int(corners[i-2]), int(corners[i-1]), int(x)})
		}
	}
	return points, triangles, nil
}

// GiftiSeries is the (arrays x vertices) array of a GIFTI file whose arrays
// are one value per vertex each: volumes in time, or maps.
type GiftiSeries struct {
	g    *Gifti
	cols int
}

// Series returns the arrays as rows. Arrays of other lengths, or of several
// values per vertex, are refused.
func (g *Gifti) Series() (*GiftiSeries, error) {
	if len(g.Arrays) == 0 {
		return nil, inputErrorf(g.Path, "no data arrays, expected at least 1")
	}
	s := &GiftiSeries{g, g.Arrays[0].Len()}
	for i := range g.Arrays {
		a := &g.Arrays[i]
		if a.Dims[0] != s.cols || a.Len() != s.cols {
			return nil, inputErrorf(g.Path, "array %d has dimensions %v, expected %d", i, a.Dims, s.cols)
		}
	}
	return s, nil
}

// Rows returns the number of arrays.
func (s *GiftiSeries) Rows() int { return len(s.g.Arrays) }

// Cols returns the number of vertices.
func (s *GiftiSeries) Cols() int { return s.cols }

// ReadFloat32 copies the vertices [lo, hi): dst[t*stride + (v-lo)].
func (s *GiftiSeries) ReadFloat32(ctx context.Context, lo, hi int, dst []float32, stride int) error {
	return readGifti(ctx, s, lo, hi, dst, stride)
}

// ReadFloat64 is ReadFloat32 in float64.
func (s *GiftiSeries) ReadFloat64(ctx context.Context, lo, hi int, dst []float64, stride int) error {
	return readGifti(ctx, s, lo, hi, dst, stride)
}

func readGifti[F float32 | float64](ctx context.Context, s *GiftiSeries, lo, hi int, dst []F, stride int) error {
	if lo < 0 || lo > hi || hi > s.cols || stride < hi-lo || (hi > lo && len(dst) < (s.Rows()-1)*stride+hi-lo) {
		return fmt.Errorf("%s: vertices %d to %d into %d values at stride %d, expected a part of %d x %d",
			s.g.Path, lo, hi, len(dst), stride, s.Rows(), s.cols)
	}
	for t := range s.g.Arrays {
		a := &s.g.Arrays[t]
		size := a.Datatype.Size()
		decode(dst[t*stride:t*stride+hi-lo], a.raw[lo*size:hi*size], a.Datatype, scaling{})
	}
	return ctx.Err()
}

// ReadGifti reads a GIFTI file whose arrays take at most memory bytes. Values
// in plain text, base64 and compressed base64 are understood; values in a file
// of their own are refused.
func ReadGifti(path string, memory int64) (*Gifti, error) {
	r, err := openReader(path)
	if err != nil {
		return nil, fileError(path, err)
	}
	defer r.Close()
	g := &Gifti{Path: path}
	if err := g.read(bufio.NewReader(r), memory); err != nil {
		return nil, fileError(path, err)
	}
	return g, nil
}

type xmlMeta struct {
	Entries []xmlMetaEntry `xml:"MD"`
}

type xmlMetaEntry struct {
	Name  string `xml:"Name"`
	Value string `xml:"Value"`
}

func (m xmlMeta) values() map[string]string {
	if len(m.Entries) == 0 {
		return nil
	}
	out := make(map[string]string, len(m.Entries))
	for _, e := range m.Entries {
		out[strings.TrimSpace(e.Name)] = strings.TrimSpace(e.Value)
	}
	return out
}

// read goes through the file element by element, so that the text of only one
// array is held at a time.
func (g *Gifti) read(r io.Reader, memory int64) error {
	d := xml.NewDecoder(r)
	if _, err := findRoot(d); err != nil {
		return err
	}
	for {
		token, err := d.Token()
		if err == io.EOF || err != nil {
			return fmt.Errorf("GIFTI is cut off or damaged: %w", err)
		}
		switch e := token.(type) {
		case xml.EndElement:
			return nil // of the root: elements below it are read whole
		case xml.StartElement:
			if err := g.readElement(d, e, &memory); err != nil {
				return err
			}
		}
	}
}

func findRoot(d *xml.Decoder) (xml.StartElement, error) {
	for {
		token, err := d.Token()
		if err != nil {
			return xml.StartElement{}, fmt.Errorf("not a GIFTI file: %w", err)
		}
		if e, ok := token.(xml.StartElement); ok {
			if e.Name.Local != "GIFTI" {
				return e, fmt.Errorf("the first element is %q, expected GIFTI", e.Name.Local)
			}
			return e, nil
		}
	}
}

// GiftiShape returns how many arrays a GIFTI file says it has, and how many
// values its first array, by their elements alone.
func GiftiShape(path string) (arrays, values int, err error) {
	r, err := openReader(path)
	if err != nil {
		return 0, 0, fileError(path, err)
	}
	defer r.Close()
	d := xml.NewDecoder(bufio.NewReader(r))
	root, err := findRoot(d)
	if err != nil {
		return 0, 0, fileError(path, err)
	}
	text := (&xmlArray{Attributes: root.Attr}).attribute("NumberOfDataArrays")
	arrays, err = strconv.Atoi(text)
	if err != nil || arrays < 0 {
		return 0, 0, inputErrorf(path, "NumberOfDataArrays is %q, expected a number", text)
	}
	for arrays > 0 {
		token, err := d.Token()
		if err != nil {
			return 0, 0, inputErrorf(path, "no DataArray, expected %d", arrays)
		}
		e, ok := token.(xml.StartElement)
		if !ok || e.Name.Local != "DataArray" {
			continue
		}
		x := &xmlArray{Attributes: e.Attr}
		values, err = x.dims(&GiftiArray{Datatype: Uint8}, math.MaxInt64) // a byte per value
		if err != nil {
			return 0, 0, fileError(path, err)
		}
		break
	}
	return arrays, values, nil
}

func (g *Gifti) readElement(d *xml.Decoder, e xml.StartElement, memory *int64) error {
	switch e.Name.Local {
	case "MetaData":
		var m xmlMeta
		if err := d.DecodeElement(&m, &e); err != nil {
			return fmt.Errorf("metadata: %w", err)
		}
		g.Meta = m.values()
		return nil
	case "LabelTable":
		var t xmlLabelTable
		if err := d.DecodeElement(&t, &e); err != nil {
			return fmt.Errorf("label table: %w", err)
		}
		var err error
		g.Labels, err = t.table()
		return err
	case "DataArray":
		var x xmlArray
		if err := d.DecodeElement(&x, &e); err != nil {
			return fmt.Errorf("data array %d: %w", len(g.Arrays), err)
		}
		a, err := x.array(memory)
		if err != nil {
			return fmt.Errorf("data array %d: %w", len(g.Arrays), err)
		}
		g.Arrays = append(g.Arrays, a)
		return nil
	}
	return d.Skip()
}

// xmlArray is a DataArray element. Its dimensions are attributes Dim0, Dim1, ...
type xmlArray struct {
	Attributes []xml.Attr `xml:",any,attr"`
	Meta       xmlMeta    `xml:"MetaData"`
	Data       string     `xml:"Data"`
}

func (x *xmlArray) attribute(name string) string {
	for _, a := range x.Attributes {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

var giftiTypes = map[string]Datatype{
	"NIFTI_TYPE_UINT8": Uint8, "NIFTI_TYPE_INT8": Int8, "NIFTI_TYPE_INT16": Int16, "NIFTI_TYPE_UINT16": Uint16,
	"NIFTI_TYPE_INT32": Int32, "NIFTI_TYPE_UINT32": Uint32, "NIFTI_TYPE_INT64": Int64, "NIFTI_TYPE_UINT64": Uint64,
	"NIFTI_TYPE_FLOAT32": Float32, "NIFTI_TYPE_FLOAT64": Float64,
}

func (x *xmlArray) array(memory *int64) (GiftiArray, error) {
	a := GiftiArray{Intent: x.attribute("Intent"), Meta: x.Meta.values()}
	var ok bool
	if a.Datatype, ok = giftiTypes[x.attribute("DataType")]; !ok {
		return a, fmt.Errorf("values of type %q are not supported", x.attribute("DataType"))
	}
	bytes, err := x.dims(&a, *memory)
	if err != nil {
		return a, err
	}
	*memory -= int64(bytes)
	if a.raw, err = x.decode(bytes, a.Datatype); err != nil {
		return a, err
	}
	if x.attribute("Endian") == "BigEndian" && x.attribute("Encoding") != "ASCII" {
		swapBytes(a.raw, a.Datatype.Size())
	}
	if x.attribute("ArrayIndexingOrder") == "ColumnMajorOrder" && len(a.Dims) > 1 {
		a.raw, err = rowMajor(a.raw, a.Dims, a.Datatype.Size())
	}
	return a, err
}

// dims reads the dimensions and returns the bytes that they ask for, which must
// fit in memory.
func (x *xmlArray) dims(a *GiftiArray, memory int64) (int, error) {
	n, err := strconv.Atoi(x.attribute("Dimensionality"))
	if err != nil || n < 1 || n > 6 {
		return 0, fmt.Errorf("Dimensionality is %q, expected 1 to 6", x.attribute("Dimensionality"))
	}
	bytes := int64(a.Datatype.Size())
	for i := range n {
		name := fmt.Sprintf("Dim%d", i)
		k, err := strconv.Atoi(x.attribute(name))
		if err != nil || k < 1 {
			return 0, fmt.Errorf("%s is %q, expected a positive number", name, x.attribute(name))
		}
		if int64(k) > memory/bytes {
			return 0, fmt.Errorf("needs more than the %d bytes of memory allowed", memory)
		}
		bytes *= int64(k)
		a.Dims = append(a.Dims, k)
	}
	return int(bytes), nil
}

// decode unpacks the array's values, exactly size bytes of them.
func (x *xmlArray) decode(size int, d Datatype) ([]byte, error) {
	encoding := x.attribute("Encoding")
	text := base64.NewDecoder(base64.StdEncoding, &noSpace{strings.NewReader(x.Data)})
	switch encoding {
	case "ASCII":
		return parseNumbers(x.Data, size/d.Size(), d)
	case "Base64Binary":
		return readExactly(text, size, int64(len(x.Data)))
	case "GZipBase64Binary":
		z, err := zlib.NewReader(text)
		if err != nil {
			return nil, fmt.Errorf("compressed values: %w", err)
		}
		return readExactly(z, size, int64(len(x.Data))*maxDeflate)
	}
	return nil, fmt.Errorf("values in encoding %q, expected ASCII, Base64Binary or GZipBase64Binary", encoding)
}

// readExactly reads size bytes, no more and no less, from a source that holds
// at most limit.
func readExactly(r io.Reader, size int, limit int64) ([]byte, error) {
	if int64(size) > limit {
		return nil, fmt.Errorf("holds at most %d bytes of values, expected %d", limit, size)
	}
	b := make([]byte, size)
	if err := readFull(r, b, "array"); err != nil {
		return nil, err
	}
	switch n, err := io.ReadFull(r, make([]byte, 1)); {
	case n != 0:
		return nil, fmt.Errorf("holds more than the %d bytes of its dimensions", size)
	case err != io.EOF:
		return nil, fmt.Errorf("behind the values: %w", err)
	}
	return b, nil
}

// noSpace drops white space, which may stand anywhere in base64.
type noSpace struct{ r io.Reader }

func (s *noSpace) Read(b []byte) (int, error) {
	n, err := s.r.Read(b)
	kept := 0
	for _, c := range b[:n] {
		if c != ' ' && c != '\n' && c != '\r' && c != '\t' {
			b[kept] = c
			kept++
		}
	}
	return kept, err
}

func parseNumbers(s string, n int, d Datatype) ([]byte, error) {
	values := make([]float64, 0, min(n, len(s)/2+1))
	for field := range strings.FieldsSeq(s) {
		x, err := strconv.ParseFloat(field, 64)
		if err != nil {
			return nil, fmt.Errorf("value %d is %q, expected a number", len(values), field)
		}
		values = append(values, x)
	}
	if len(values) != n {
		return nil, fmt.Errorf("holds %d values, expected %d", len(values), n)
	}
	raw := make([]byte, n*d.Size())
	return raw, encode(raw, values, d)
}

// rowMajor reorders values whose first axis runs fastest.
func rowMajor(raw []byte, dims []int, size int) ([]byte, error) {
	if len(dims) != 2 {
		return nil, errors.New("values of more than two axes in column-major order are not supported")
	}
	out := make([]byte, len(raw))
	for i := range dims[0] {
		for j := range dims[1] {
			copy(out[(i*dims[1]+j)*size:][:size], raw[(j*dims[0]+i)*size:])
		}
	}
	return out, nil
}

// Write stores the file with compressed, little-endian values, whole or not at
// all.
func (g *Gifti) Write(path string) error {
	return store.WriteFile(store.OS{}, path, func(w io.Writer) error {
		if _, err := fmt.Fprintf(w, "%s<!DOCTYPE GIFTI SYSTEM \"http://www.nitrc.org/frs/download.php/115/gifti.dtd\">\n"+
			"<GIFTI Version=\"1.0\" NumberOfDataArrays=\"%d\">\n", xml.Header, len(g.Arrays)); err != nil {
			return err
		}
		e := xml.NewEncoder(w)
		if err := e.EncodeElement(metaXML(g.Meta), named("MetaData")); err != nil {
			return err
		}
		if err := e.EncodeElement(g.Labels.xml(), named("LabelTable")); err != nil {
			return err
		}
		for i := range g.Arrays {
			x, err := g.Arrays[i].xml()
			if err != nil {
				return err
			}
			if err := e.EncodeElement(x, named("DataArray")); err != nil {
				return err
			}
		}
		_, err := io.WriteString(w, "\n</GIFTI>\n")
		return err
	})
}

func named(name string) xml.StartElement { return xml.StartElement{Name: xml.Name{Local: name}} }

// metaXML lists metadata by name, so that the same file is the same bytes.
func metaXML(meta map[string]string) xmlMeta {
	var m xmlMeta
	for _, name := range sortedKeys(meta) {
		m.Entries = append(m.Entries, xmlMetaEntry{name, meta[name]})
	}
	return m
}

func (a *GiftiArray) xml() (*xmlArray, error) {
	var typeName string
	for name, d := range giftiTypes {
		if d == a.Datatype {
			typeName = name
		}
	}
	x := &xmlArray{Meta: metaXML(a.Meta)}
	attributes := [][2]string{
		{"Intent", a.Intent}, {"DataType", typeName}, {"ArrayIndexingOrder", "RowMajorOrder"},
		{"Dimensionality", strconv.Itoa(len(a.Dims))}, {"Encoding", "GZipBase64Binary"}, {"Endian", "LittleEndian"},
		{"ExternalFileName", ""}, {"ExternalFileOffset", ""},
	}
	for i, n := range a.Dims {
		attributes = append(attributes, [2]string{fmt.Sprintf("Dim%d", i), strconv.Itoa(n)})
	}
	for _, kv := range attributes {
		x.Attributes = append(x.Attributes, xml.Attr{Name: xml.Name{Local: kv[0]}, Value: kv[1]})
	}
	var packed bytes.Buffer
	z := zlib.NewWriter(&packed)
	if _, err := z.Write(a.raw); err != nil {
		return nil, err
	}
	if err := z.Close(); err != nil {
		return nil, err
	}
	x.Data = base64.StdEncoding.EncodeToString(packed.Bytes())
	return x, nil
}
