package hdf5

import (
	"bytes"
	"path"
	"slices"
	"strings"
)

// link is a name in a group.
type link struct {
	name     string
	addr     uint64 // of the object's header
	soft     string // the path that a soft link stands for
	external bool   // in another file
}

// links lists a group, sorted by name. ok is false if the messages are not those
// of a group.
func (f *File) links(messages []message) (links []link, ok bool, err error) {
	for _, m := range messages {
		var more []link
		switch m.kind {
		case msgSymbolTable:
			more, err = f.symbolTable(m.body)
		case msgLinkInfo:
			more, err = f.denseLinks(m.body)
		case msgLink:
			var l link
			l, err = f.link(m.body)
			more = []link{l}
		default:
			continue
		}
		if err != nil {
			return nil, true, err
		}
		ok, links = true, append(links, more...)
	}
	slices.SortFunc(links, func(a, b link) int { return strings.Compare(a.name, b.name) })
	return links, ok, nil
}

// symbolTable lists an old group: a B-tree of nodes of entries, whose names are
// in a local heap.
func (f *File) symbolTable(b []byte) ([]link, error) {
	c := f.cursor(b, "a group")
	tree, heapAt := c.addr(), c.addr()
	if c.err != nil {
		return nil, c.err
	}
	heap, err := f.localHeap(heapAt)
	if err != nil {
		return nil, err
	}
	var links []link
	err = f.eachLeaf1(tree, 0, f.lengths, func(_ []byte, child uint64) error {
		more, err := f.symbolNode(child, heap)
		links = append(links, more...)
		return err
	})
	return links, err
}

func (f *File) symbolNode(addr uint64, heap []byte) ([]link, error) {
	head, err := f.block(addr, 8, "SNOD", "a group")
	if err != nil {
		return nil, err
	}
	head.skip(2)
	n, entry := int(head.u16()), 2*f.offsets+24
	b, err := f.read(addr+8, n*entry, "a group")
	if err != nil {
		return nil, err
	}
	c := f.cursor(b, "a group")
	links := make([]link, n)
	for i := range links {
		l := &links[i]
		name := c.uint(f.offsets)
		l.addr = c.addr()
		kind := c.u32()
		c.skip(4)
		target := c.u32()
		c.skip(12)
		if l.name, err = heapString(heap, name); err != nil {
			return nil, err
		}
		if kind == 2 {
			if l.soft, err = heapString(heap, uint64(target)); err != nil {
				return nil, err
			}
		}
	}
	return links, c.err
}

// denseLinks lists the links of a new group that are in a heap, found by the
// B-tree of their names.
func (f *File) denseLinks(b []byte) ([]link, error) {
	c := f.cursor(b, "a group")
	c.skip(1)
	if c.u8()&1 != 0 {
		c.skip(8)
	}
	heapAt, tree := c.addr(), c.addr()
	if c.err != nil || heapAt == undefined || tree == undefined {
		return nil, c.err
	}
	heap, err := f.fractalHeap(heapAt)
	if err != nil {
		return nil, err
	}
	var links []link
	err = f.eachRecord2(tree, 5, func(record []byte) error {
		body, err := heap.object(record[min(4, len(record)):])
		if err != nil {
			return err
		}
		l, err := f.link(body)
		links = append(links, l)
		return err
	})
	return links, err
}

// link reads a link message.
func (f *File) link(b []byte) (link, error) {
	c := f.cursor(b, "a link")
	c.skip(1)
	flags := c.u8()
	kind := uint8(0)
	if flags&8 != 0 {
		kind = c.u8()
	}
	if flags&4 != 0 {
		c.skip(8)
	}
	if flags&16 != 0 {
		c.skip(1)
	}
	n := c.uint(1 << (flags & 3))
	l := link{name: string(c.bytes(int(min(n, maxBlock))))}
	switch kind {
	case 0:
		l.addr = c.addr()
	case 1:
		l.soft = string(c.bytes(int(c.u16())))
	default:
		l.external = true
	}
	return l, c.err
}

// maxSoft bounds the soft links that one path goes through.
const maxSoft = 16

// find returns the header of the object of a path, "/group/name".
func (f *File) find(name string) ([]message, error) {
	return f.follow(path.Clean("/"+name), maxSoft)
}

func (f *File) follow(name string, soft int) ([]message, error) {
	messages, err := f.header(f.root)
	if err != nil {
		return nil, err
	}
	at := "/"
	for part := range strings.SplitSeq(strings.Trim(name, "/"), "/") {
		if part == "" {
			continue
		}
		links, ok, err := f.links(messages)
		if err != nil {
			return nil, err
		}
		i := slices.IndexFunc(links, func(l link) bool { return l.name == part })
		if !ok || i < 0 {
			return nil, &notFound{path.Join(at, part)}
		}
		switch l := links[i]; {
		case l.external:
			return nil, formatf("has %s as a link to another file, which is not followed", clean(path.Join(at, part)))
		case l.soft != "" && soft == 0:
			return nil, formatf("has %s as a link among more than %d", clean(path.Join(at, part)), maxSoft)
		case l.soft != "":
			target := l.soft
			if !path.IsAbs(target) {
				target = path.Join(at, target)
			}
			messages, err = f.follow(path.Clean(target), soft-1)
		default:
			messages, err = f.header(l.addr)
		}
		if err != nil {
			return nil, err
		}
		at = path.Join(at, part)
	}
	return messages, nil
}

// notFound says that a path leads to nothing.
type notFound struct{ name string }

func (e *notFound) Error() string { return "has no " + clean(e.name) }

// maxObjects bounds the objects that Datasets looks at.
const maxObjects = 100000

// Datasets describes all data sets of the file by path, in order of names. What
// MATLAB keeps for itself, groups of the root that begin with #, is left out, as
// are links to what is listed under another name.
func (f *File) Datasets() ([]*Dataset, error) {
	messages, err := f.header(f.root)
	if err != nil {
		return nil, err
	}
	w := &walk{f: f, seen: map[uint64]bool{f.root: true}}
	return w.sets, w.group("/", messages, 0)
}

type walk struct {
	f    *File
	seen map[uint64]bool
	sets []*Dataset
}

func (w *walk) group(at string, messages []message, depth int) error {
	links, ok, err := w.f.links(messages)
	if err != nil || !ok {
		return err
	}
	for _, l := range links {
		if l.external || l.soft != "" || w.seen[l.addr] || at == "/" && strings.HasPrefix(l.name, "#") {
			continue
		}
		if w.seen[l.addr] = true; len(w.seen) > maxObjects || depth > 64 {
			return formatf("has more than %d objects, or groups 64 deep: give the path of one", maxObjects)
		}
		messages, err := w.f.header(l.addr)
		if err != nil {
			return err
		}
		name := path.Join(at, l.name)
		if isDataset(messages) {
			d, err := w.f.dataset(name, messages)
			if err != nil {
				return err
			}
			w.sets = append(w.sets, d)
			continue
		}
		if err := w.group(name, messages, depth+1); err != nil {
			return err
		}
	}
	return nil
}

// attribute returns an attribute that is a string, "" if there is none, and
// whether there is one of that name at all.
func (f *File) attribute(messages []message, name string) (value string, ok bool, err error) {
	for _, m := range messages {
		if m.kind != msgAttribute || m.shared {
			continue
		}
		c := f.cursor(m.body, "an attribute")
		version := c.u8()
		c.skip(1)
		nameBytes, typeBytes, spaceBytes := int(c.u16()), int(c.u16()), int(c.u16())
		if version == 3 {
			c.skip(1)
		}
		padded := func(n int) int {
			if version == 1 {
				return n + -n&7
			}
			return n
		}
		got := c.bytes(padded(nameBytes))
		kind := c.bytes(padded(typeBytes))
		c.skip(padded(spaceBytes))
		if c.err != nil {
			return "", false, c.err
		}
		if string(zeroEnd(got)) != name {
			continue
		}
		value, err := f.text(kind, c.b)
		return value, true, err
	}
	return "", false, nil
}

// zeroEnd cuts b at its first zero.
func zeroEnd(b []byte) []byte {
	b, _, _ = bytes.Cut(b, []byte{0})
	return b
}

// text returns an element that is a string, of fixed or variable length, and
// "" for every other type.
func (f *File) text(kind, b []byte) (string, error) {
	if len(kind) < 8 {
		return "", formatf("is damaged: a datatype of %d bytes", len(kind))
	}
	switch {
	case kind[0]&0xf == 3:
		return string(zeroEnd(b)), nil
	case kind[0]&0xf == 9 && kind[1]&0xf == 1:
		c := f.cursor(b, "a string")
		n := c.u32()
		addr, index := c.addr(), c.u32()
		if c.err != nil || n == 0 {
			return "", c.err
		}
		object, err := f.globalObject(addr, index)
		if err != nil {
			return "", err
		}
		return string(zeroEnd(object[:min(int(n), len(object))])), nil
	}
	return "", nil
}
