package brain

import (
	"bufio"
	"bytes"
	"encoding/base64"
	"encoding/xml"
	"errors"
	"fmt"
	"io"
	"math"
	"strconv"
	"strings"

	"github.com/klauspost/compress/zlib"
)

// GiftiArray is one data array of a GIFTI file. Its values are stored
// little-endian in row-major order.
type GiftiArray struct {
	Intent   string // such as NIFTI_INTENT_TIME_SERIES
	Datatype Datatype
	Dims     []int
	Meta     map[string]string

	raw         []byte
	bigEndian   bool // as stored in the file
	columnMajor bool
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
func (a *GiftiArray) Len() int { return int(a.bytes()) / a.Datatype.Size() }

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

// Gifti reads a GIFTI file whose arrays take at most Memory bytes. Values in
// plain text, base64 and compressed base64 are understood, in a file that may be
// compressed itself; values in a file of their own are refused.
func (f Files) Gifti(path string) (*Gifti, error) {
	g := &Gifti{Path: path}
	memory := f.Memory
	if memory == 0 {
		memory = math.MaxInt64
	}
	left := memory
	err := f.scanGifti(path, func(s *giftiScanner) error {
		return s.all(g, func(a *GiftiArray, values io.Reader, encoding string) error {
			need := a.bytes()
			if need > left {
				return &MemoryError{Path: path, What: "the arrays of the file", Need: memory - left + need, Allowed: memory}
			}
			left -= need
			return a.read(values, encoding)
		})
	})
	if err != nil {
		return nil, err
	}
	return g, nil
}

// GiftiHead reads what a GIFTI file says before the values of its first array: its
// metadata, labels and that array without its values, and how many arrays it says
// there are.
func (f Files) GiftiHead(path string) (g *Gifti, arrays int, err error) {
	g = &Gifti{Path: path}
	err = f.scanGifti(path, func(s *giftiScanner) error {
		if arrays, err = strconv.Atoi(s.root.attribute("NumberOfDataArrays")); err != nil || arrays < 0 {
			return fmt.Errorf("NumberOfDataArrays is %q, expected a number", s.root.attribute("NumberOfDataArrays"))
		}
		if arrays == 0 {
			return nil
		}
		err := s.all(g, func(a *GiftiArray, _ io.Reader, _ string) error {
			g.Arrays = append(g.Arrays, *a)
			return errEnough
		})
		switch {
		case err == errEnough:
			return nil
		case err == nil:
			return fmt.Errorf("no DataArray, expected %d", arrays)
		}
		return err
	})
	if err != nil {
		return nil, 0, err
	}
	return g, arrays, nil
}

// errEnough ends a scan that has found what it looked for.
var errEnough = errors.New("enough")

// scanGifti opens a file and hands a scanner behind the start of its root.
func (f Files) scanGifti(path string, scan func(s *giftiScanner) error) error {
	r, err := f.reader(path)
	if err != nil {
		return fileError(path, err)
	}
	defer r.Close()
	s, err := newGiftiScanner(r.Reader)
	if err == nil {
		err = scan(s)
	}
	return fileError(path, err)
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

// attributes are those of an element.
type attributes []xml.Attr

func (as attributes) attribute(name string) string {
	for _, a := range as {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}

// giftiScanner goes through a GIFTI file element by element. The text of the
// values is not held: it is read between the decoder's tokens, from the buffer
// that the decoder reads from byte by byte.
type giftiScanner struct {
	from *bufio.Reader
	d    *xml.Decoder
	root attributes
}

func newGiftiScanner(r *bufio.Reader) (*giftiScanner, error) {
	s := &giftiScanner{from: r, d: xml.NewDecoder(r)}
	for {
		token, err := s.d.Token()
		if err != nil {
			return nil, fmt.Errorf("not a GIFTI file: %w", err)
		}
		if e, ok := token.(xml.StartElement); ok {
			if e.Name.Local != "GIFTI" {
				return nil, fmt.Errorf("the first element is %q, expected GIFTI", e.Name.Local)
			}
			s.root = attributes(e.Attr)
			return s, nil
		}
	}
}

// all reads the file into g. visit gets every array as its values begin, and
// reads them.
func (s *giftiScanner) all(g *Gifti, visit func(a *GiftiArray, values io.Reader, encoding string) error) error {
	for {
		token, err := s.d.Token()
		if err != nil {
			return fmt.Errorf("GIFTI is cut off or damaged: %w", err)
		}
		switch e := token.(type) {
		case xml.EndElement:
			return nil // of the root: elements below it are read whole
		case xml.StartElement:
			if err := s.element(g, e, visit); err != nil {
				return err
			}
		}
	}
}

func (s *giftiScanner) element(g *Gifti, e xml.StartElement, visit func(a *GiftiArray, values io.Reader, encoding string) error) error {
	switch e.Name.Local {
	case "MetaData":
		var m xmlMeta
		if err := s.d.DecodeElement(&m, &e); err != nil {
			return fmt.Errorf("metadata: %w", err)
		}
		g.Meta = m.values()
		return nil
	case "LabelTable":
		var t xmlLabelTable
		if err := s.d.DecodeElement(&t, &e); err != nil {
			return fmt.Errorf("label table: %w", err)
		}
		var err error
		g.Labels, err = t.table()
		return err
	case "DataArray":
		a, err := s.array(attributes(e.Attr), visit)
		if err == errEnough {
			return err
		}
		if err != nil {
			return fmt.Errorf("data array %d: %w", len(g.Arrays), err)
		}
		g.Arrays = append(g.Arrays, *a)
		return nil
	}
	return s.d.Skip()
}

// array reads a DataArray element, whose attributes are given. Its dimensions are
// attributes Dim0, Dim1, ...
func (s *giftiScanner) array(as attributes, visit func(a *GiftiArray, values io.Reader, encoding string) error) (*GiftiArray, error) {
	a := &GiftiArray{Intent: as.attribute("Intent")}
	var ok bool
	if a.Datatype, ok = giftiTypes[as.attribute("DataType")]; !ok {
		return a, fmt.Errorf("values of type %q are not supported", as.attribute("DataType"))
	}
	if err := a.dims(as); err != nil {
		return a, err
	}
	a.bigEndian = as.attribute("Endian") == "BigEndian" && as.attribute("Encoding") != "ASCII"
	a.columnMajor = as.attribute("ArrayIndexingOrder") == "ColumnMajorOrder" && len(a.Dims) > 1
	if a.columnMajor && len(a.Dims) > 2 {
		return a, errors.New("values of more than two axes in column-major order are not supported")
	}
	found := false
	for {
		token, err := s.d.Token()
		if err != nil {
			return a, err
		}
		switch e := token.(type) {
		case xml.EndElement:
			if !found {
				return a, errors.New("no Data, expected the values")
			}
			return a, nil
		case xml.StartElement:
			switch e.Name.Local {
			case "MetaData":
				var m xmlMeta
				if err := s.d.DecodeElement(&m, &e); err != nil {
					return a, fmt.Errorf("metadata: %w", err)
				}
				a.Meta = m.values()
			case "Data":
				if found {
					return a, errors.New("has Data twice")
				}
				found = true
				if err := s.data(a, as.attribute("Encoding"), visit); err != nil {
					return a, err
				}
			default:
				if err := s.d.Skip(); err != nil {
					return a, err
				}
			}
		}
	}
}

// data hands the text of a Data element to visit and moves behind its end.
func (s *giftiScanner) data(a *GiftiArray, encoding string, visit func(a *GiftiArray, values io.Reader, encoding string) error) error {
	text := &dataText{from: s.from}
	if err := text.begin(); err != nil {
		return err
	}
	if err := visit(a, text, encoding); err != nil {
		return err
	}
	if _, err := io.Copy(io.Discard, text); err != nil {
		return err
	}
	return s.d.Skip() // to the end of the element
}

// dataText reads the text of an element up to the next tag. A CDATA section is
// understood, references (&...;) are not: numbers and base64 have none.
type dataText struct {
	from  *bufio.Reader
	cdata bool
	done  bool
}

// begin moves into a CDATA section if the text is one.
func (t *dataText) begin() error {
	const mark = "<![CDATA["
	for {
		c, err := t.from.Peek(1)
		if err == io.EOF {
			return io.ErrUnexpectedEOF
		}
		if err != nil {
			return err
		}
		if !isSpace(c[0]) {
			break
		}
		if _, err := t.from.Discard(1); err != nil {
			return err
		}
	}
	if b, err := t.from.Peek(len(mark)); err == nil && string(b) == mark {
		t.cdata = true
		_, err := t.from.Discard(len(mark))
		return err
	}
	return nil
}

// Read implements io.Reader. White space, which may stand anywhere in base64, is
// handed on.
func (t *dataText) Read(b []byte) (int, error) {
	if t.done || len(b) == 0 {
		return 0, io.EOF
	}
	if _, err := t.from.Peek(1); err != nil {
		if err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return 0, err
	}
	held, err := t.from.Peek(min(len(b), t.from.Buffered()))
	if err != nil {
		return 0, err
	}
	end := byte('<')
	if t.cdata {
		end = ']'
	}
	if i := bytes.IndexByte(held, end); i >= 0 {
		held, t.done = held[:i], true
	}
	n := copy(b, held)
	if _, err := t.from.Discard(n); err != nil {
		return n, err
	}
	if t.done && t.cdata {
		if close, err := t.from.Peek(3); err != nil || string(close) != "]]>" {
			return n, errors.New("values hold a \"]\", expected numbers or base64")
		}
		if _, err := t.from.Discard(3); err != nil {
			return n, err
		}
	}
	if n == 0 {
		return 0, io.EOF
	}
	return n, nil
}

var giftiTypes = map[string]Datatype{
	"NIFTI_TYPE_UINT8": Uint8, "NIFTI_TYPE_INT8": Int8, "NIFTI_TYPE_INT16": Int16, "NIFTI_TYPE_UINT16": Uint16,
	"NIFTI_TYPE_INT32": Int32, "NIFTI_TYPE_UINT32": Uint32, "NIFTI_TYPE_INT64": Int64, "NIFTI_TYPE_UINT64": Uint64,
	"NIFTI_TYPE_FLOAT32": Float32, "NIFTI_TYPE_FLOAT64": Float64,
}

// dims reads the dimensions and refuses those that no memory holds.
func (a *GiftiArray) dims(as attributes) error {
	n, err := strconv.Atoi(as.attribute("Dimensionality"))
	if err != nil || n < 1 || n > 6 {
		return fmt.Errorf("attribute Dimensionality is %q, expected 1 to 6", as.attribute("Dimensionality"))
	}
	bytes := int64(a.Datatype.Size())
	for i := range n {
		name := fmt.Sprintf("Dim%d", i)
		k, err := strconv.Atoi(as.attribute(name))
		if err != nil || k < 1 {
			return fmt.Errorf("%s is %q, expected a positive number", name, as.attribute(name))
		}
		if int64(k) > math.MaxInt32*16/bytes {
			return fmt.Errorf("dimensions %v and %d ask for more than %d bytes", a.Dims, k, int64(math.MaxInt32)*16)
		}
		bytes *= int64(k)
		a.Dims = append(a.Dims, k)
	}
	return nil
}

// bytes returns the size of the values that the dimensions ask for.
func (a *GiftiArray) bytes() int64 {
	n := int64(a.Datatype.Size())
	for _, k := range a.Dims {
		n *= int64(k)
	}
	return n
}

// read reads all values into memory, in row-major order and little-endian. Beyond
// a first piece the room grows with what is there, so that a short text cannot ask
// for much.
func (a *GiftiArray) read(text io.Reader, encoding string) error {
	raw := make([]byte, 0, min(a.bytes(), 64<<20))
	err := a.pieces(text, encoding, func(piece []byte) error {
		raw = append(raw, piece...)
		return nil
	})
	if err != nil {
		return err
	}
	if a.columnMajor {
		raw = rowMajor(raw, a.Dims, a.Datatype.Size())
	}
	a.raw, a.bigEndian, a.columnMajor = raw, false, false
	return nil
}

// pieces decodes the values and hands them on in file order, little-endian, in
// pieces that hold whole values: exactly as many as the dimensions say.
func (a *GiftiArray) pieces(text io.Reader, encoding string, put func(piece []byte) error) error {
	var from io.Reader
	switch encoding {
	case "ASCII":
		return a.numbers(text, put)
	case "Base64Binary":
		from = base64.NewDecoder(base64.StdEncoding, &noSpace{text})
	case "GZipBase64Binary":
		z, err := zlib.NewReader(base64.NewDecoder(base64.StdEncoding, &noSpace{text}))
		if err != nil {
			return fmt.Errorf("compressed values: %w", err)
		}
		from = z
	default:
		return fmt.Errorf("values in encoding %q, expected ASCII, Base64Binary or GZipBase64Binary", encoding)
	}
	total := a.bytes()
	size := a.Datatype.Size()
	buf, release := buffer(readBuffer)
	defer release()
	for at := int64(0); at < total; {
		piece := buf[:min(readBuffer, total-at)]
		if n, err := io.ReadFull(from, piece); err != nil {
			if err == io.EOF || err == io.ErrUnexpectedEOF {
				return fmt.Errorf("array is cut off: %d bytes of values, expected %d", at+int64(n), total)
			}
			return fmt.Errorf("array: %w", err)
		}
		if a.bigEndian {
			swapBytes(piece, size)
		}
		if err := put(piece); err != nil {
			return err
		}
		at += int64(len(piece))
	}
	switch n, err := io.ReadFull(from, buf[:1]); {
	case n != 0:
		return fmt.Errorf("holds more than the %d bytes of its dimensions", total)
	case err != io.EOF:
		return fmt.Errorf("behind the values: %w", err)
	}
	return nil
}

// numbers reads values in plain text.
func (a *GiftiArray) numbers(text io.Reader, put func(piece []byte) error) error {
	size := a.Datatype.Size()
	want := a.bytes() / int64(size)
	words := bufio.NewScanner(text)
	words.Split(bufio.ScanWords)
	n := int64(0)
	piece, values := make([]byte, 0, decodeRun*size), make([]float64, 0, decodeRun)
	flush := func() error {
		piece = piece[:len(values)*size]
		if err := encode(piece, values, a.Datatype); err != nil {
			return err
		}
		values = values[:0]
		return put(piece)
	}
	for ; words.Scan(); n++ {
		x, err := strconv.ParseFloat(words.Text(), 64)
		if err != nil {
			return fmt.Errorf("value %d is %q, expected a number", n, words.Text())
		}
		if values = append(values, x); len(values) == cap(values) {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	if err := words.Err(); err != nil {
		return fmt.Errorf("value %d: %w", n, err)
	}
	if n != want {
		return fmt.Errorf("holds %d values, expected %d", n, want)
	}
	return flush()
}

// noSpace drops white space, which may stand anywhere in base64.
type noSpace struct{ r io.Reader }

func (s *noSpace) Read(b []byte) (int, error) {
	n, err := s.r.Read(b)
	kept := 0
	for _, c := range b[:n] {
		if !isSpace(c) {
			b[kept] = c
			kept++
		}
	}
	return kept, err
}

func isSpace(c byte) bool { return c == ' ' || c == '\n' || c == '\r' || c == '\t' }

// rowMajor reorders the values of a matrix whose first axis runs fastest.
func rowMajor(raw []byte, dims []int, size int) []byte {
	out := make([]byte, len(raw))
	for i := range dims[0] {
		for j := range dims[1] {
			copy(out[(i*dims[1]+j)*size:][:size], raw[(j*dims[0]+i)*size:])
		}
	}
	return out
}

// xmlArray is a DataArray element that is written.
type xmlArray struct {
	Attributes []xml.Attr `xml:",any,attr"`
	Meta       xmlMeta    `xml:"MetaData"`
	Data       string     `xml:"Data"`
}

// WriteGifti stores a file with compressed, little-endian values, whole or not at
// all.
func (f Files) WriteGifti(path string, g *Gifti) error {
	return f.writeGifti(path, g, len(g.Arrays), func(i int) (*GiftiArray, error) { return &g.Arrays[i], nil })
}

// writeGifti stores a file with the metadata and labels of g, and n arrays that are made one at a
// time.
func (f Files) writeGifti(path string, g *Gifti, n int, array func(i int) (*GiftiArray, error)) error {
	return f.create(path, func(w io.Writer) error {
		if _, err := fmt.Fprintf(w, "%s<!DOCTYPE GIFTI SYSTEM \"http://www.nitrc.org/frs/download.php/115/gifti.dtd\">\n"+
			"<GIFTI Version=\"1.0\" NumberOfDataArrays=\"%d\">\n", xml.Header, n); err != nil {
			return err
		}
		e := xml.NewEncoder(w)
		if err := e.EncodeElement(metaXML(g.Meta), named("MetaData")); err != nil {
			return err
		}
		if err := e.EncodeElement(g.Labels.xml(), named("LabelTable")); err != nil {
			return err
		}
		for i := range n {
			a, err := array(i)
			if err != nil {
				return err
			}
			x, err := a.xml()
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
