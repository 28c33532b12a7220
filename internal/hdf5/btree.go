package hdf5

// node1 is a node of a version 1 B-tree: keys of a fixed length around
// addresses of children.
type node1 struct {
	level    int
	keys     [][]byte // one more than children
	children []uint64
}

// readNode1 reads the node at an address.
func (f *File) readNode1(addr uint64, kind uint8, keyBytes int) (*node1, error) {
	head, err := f.read(addr, 8, "a B-tree")
	if err != nil {
		return nil, err
	}
	c := f.cursor(head, "a B-tree")
	sign, got, level, n := c.bytes(4), c.u8(), c.u8(), int(c.u16())
	if string(sign) != "TREE" || got != kind {
		return nil, formatf("is damaged: a B-tree at %d begins with %q", addr, head[:5])
	}
	b, err := f.read(addr+8+uint64(2*f.offsets), n*(keyBytes+f.offsets)+keyBytes, "a B-tree")
	if err != nil {
		return nil, err
	}
	node := &node1{level: int(level)}
	c = f.cursor(b, "a B-tree")
	for range n {
		node.keys = append(node.keys, c.bytes(keyBytes))
		node.children = append(node.children, c.addr())
	}
	node.keys = append(node.keys, c.bytes(keyBytes))
	return node, c.err
}

// eachLeaf1 calls visit for the children of all leaves of a version 1 B-tree,
// in order, with the key before each.
func (f *File) eachLeaf1(addr uint64, kind uint8, keyBytes int, visit func(key []byte, child uint64) error) error {
	return f.walk1(addr, kind, keyBytes, -1, visit)
}

func (f *File) walk1(addr uint64, kind uint8, keyBytes, level int, visit func(key []byte, child uint64) error) error {
	node, err := f.readNode1(addr, kind, keyBytes)
	if err != nil {
		return err
	}
	if level >= 0 && node.level != level {
		return formatf("is damaged: a B-tree node at %d of level %d, expected %d", addr, node.level, level)
	}
	for i, child := range node.children {
		if node.level == 0 {
			err = visit(node.keys[i], child)
		} else {
			err = f.walk1(child, kind, keyBytes, node.level-1, visit)
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// tree2 is a version 2 B-tree.
type tree2 struct {
	f        *File
	kind     uint8
	nodeSize int
	record   int   // bytes
	counts   []int // bytes of a child's number of records, by depth of the parent
	totals   []int // bytes of the number of records below a child
	visit    func(record []byte) error
}

// eachRecord2 calls visit for all records of a version 2 B-tree.
func (f *File) eachRecord2(addr uint64, kind uint8, visit func(record []byte) error) error {
	c, err := f.block(addr, 4+1+1+4+2+2+1+1+f.offsets+2+f.lengths+4, "BTHD", "a B-tree")
	if err != nil {
		return err
	}
	c.skip(1)
	got := c.u8()
	t := &tree2{f: f, kind: kind, visit: visit}
	t.nodeSize, t.record = int(c.u32()), int(c.u16())
	depth := int(c.u16())
	c.skip(2)
	root, n := c.addr(), int(c.u16())
	c.length()
	c.checksum()
	switch {
	case c.err != nil:
		return c.err
	case got != kind:
		return formatf("is damaged: a B-tree at %d of type %d, expected %d", addr, got, kind)
	case t.record == 0 || t.nodeSize > maxBlock || t.nodeSize < 10+t.record || depth > 32:
		return formatf("is damaged: a B-tree at %d with records of %d bytes in nodes of %d", addr, t.record, t.nodeSize)
	case root == undefined || n == 0:
		return nil
	}
	if err := t.fields(depth); err != nil {
		return err
	}
	return t.node(root, n, depth)
}

// fields computes how wide the counts in inner nodes are: wide enough for as
// many records as fit the nodes below.
func (t *tree2) fields(depth int) error {
	leaf := uint64((t.nodeSize - 10) / t.record)
	count := encodedSize(leaf)
	below, totalBytes := leaf, 0
	t.counts, t.totals = []int{0}, []int{0}
	for range depth {
		pointer := t.f.offsets + count + totalBytes
		if t.nodeSize < 10+pointer {
			return formatf("is damaged: a B-tree with nodes of %d bytes", t.nodeSize)
		}
		t.counts, t.totals = append(t.counts, count), append(t.totals, totalBytes)
		most := uint64((t.nodeSize - 10 - pointer) / (t.record + pointer))
		if below > 1<<48 {
			return formatf("is damaged: a B-tree of depth %d", depth)
		}
		below = (most+1)*below + most
		totalBytes = encodedSize(below)
	}
	return nil
}

// node visits the records of a node at a depth above the leaves, and of those
// below it.
func (t *tree2) node(addr uint64, n, depth int) error {
	sign, pointer := "BTLF", 0
	if depth > 0 {
		sign, pointer = "BTIN", t.f.offsets+t.counts[depth]+t.totals[depth]
	}
	size := 6 + n*t.record + 4
	if depth > 0 {
		size += (n + 1) * pointer
	}
	if size > t.nodeSize {
		return formatf("is damaged: a B-tree node at %d of %d records, which do not fit %d bytes", addr, n, t.nodeSize)
	}
	c, err := t.f.block(addr, size, sign, "a B-tree")
	if err != nil {
		return err
	}
	c.skip(2)
	records := c.bytes(n * t.record)
	type child struct {
		addr uint64
		n    int
	}
	var children []child
	if depth > 0 {
		for range n + 1 {
			children = append(children, child{c.addr(), int(c.uint(t.counts[depth]))})
			c.skip(t.totals[depth])
		}
	}
	c.checksum()
	if c.err != nil {
		return c.err
	}
	for i := 0; i <= n; i++ {
		if depth > 0 {
			if err := t.node(children[i].addr, children[i].n, depth-1); err != nil {
				return err
			}
		}
		if i < n {
			if err := t.visit(records[i*t.record : (i+1)*t.record]); err != nil {
				return err
			}
		}
	}
	return nil
}
