package hdf5

// The types of header messages that are read.
const (
	msgDataspace    = 0x1
	msgLinkInfo     = 0x2
	msgDatatype     = 0x3
	msgOldFill      = 0x4
	msgFill         = 0x5
	msgLink         = 0x6
	msgExternal     = 0x7
	msgLayout       = 0x8
	msgFilters      = 0xb
	msgAttribute    = 0xc
	msgContinuation = 0x10
	msgSymbolTable  = 0x11
)

// message is one message of an object header.
type message struct {
	kind   int
	shared bool // the body says where the message is
	body   []byte
}

// span is a block of the file.
type span struct {
	addr uint64
	n    int
}

// maxBlock bounds a block of metadata; messages have at most 64 KiB each.
const maxBlock = 64 << 20

// header reads all messages of the object header at an address, versions 1 and
// 2, in the order of their blocks.
func (f *File) header(addr uint64) ([]message, error) {
	b, err := f.upTo(addr, 64)
	if err != nil {
		return nil, err
	}
	if len(b) >= 4 && string(b[:4]) == "OHDR" {
		return f.header2(addr, b)
	}
	return f.header1(addr, b)
}

// header1 reads version 1: a count, then messages on multiples of 8 bytes.
func (f *File) header1(addr uint64, b []byte) ([]message, error) {
	c := f.cursor(b, "an object header")
	if version := c.u8(); version != 1 {
		return nil, formatf("is damaged: object header at %d of version %d, expected 1 or 2", addr, version)
	}
	c.skip(1 + 2 + 4)
	n := c.u32()
	if c.err != nil {
		return nil, c.err
	}
	if n > maxBlock {
		return nil, formatf("is damaged: object header at %d of %d bytes", addr, n)
	}
	var messages []message
	blocks := []span{{addr + 16, int(n)}}
	for i := 0; i < len(blocks); i++ {
		b, err := f.read(blocks[i].addr, blocks[i].n, "an object header")
		if err != nil {
			return nil, err
		}
		c := f.cursor(b, "an object header")
		for len(c.b) >= 8 {
			kind, size, flags := int(c.u16()), int(c.u16()), c.u8()
			c.skip(3)
			m := message{kind, flags&2 != 0, c.bytes(size)}
			if c.err != nil {
				return nil, c.err
			}
			if blocks, messages, err = f.take(m, blocks, messages); err != nil {
				return nil, err
			}
		}
	}
	return messages, nil
}

// take keeps a message, or the block that a continuation names.
func (f *File) take(m message, blocks []span, messages []message) ([]span, []message, error) {
	if m.kind != msgContinuation {
		return blocks, append(messages, m), nil
	}
	c := f.cursor(m.body, "a continuation")
	at, n := c.addr(), c.length()
	if c.err == nil && n > maxBlock {
		c.fail("is damaged: an object header of %d bytes", n)
	}
	return append(blocks, span{at, int(n)}), messages, c.err
}

// header2 reads version 2: signed blocks with a checksum each.
func (f *File) header2(addr uint64, b []byte) ([]message, error) {
	c := f.cursor(b, "an object header")
	c.skip(4)
	version, flags := c.u8(), c.u8()
	if version != 2 {
		return nil, formatf("is damaged: object header at %d of version %d, expected 2", addr, version)
	}
	if flags&0x20 != 0 {
		c.skip(16) // times
	}
	if flags&0x10 != 0 {
		c.skip(4) // numbers of attributes
	}
	n := c.uint(1 << (flags & 3))
	if c.err == nil && n > maxBlock {
		c.fail("is damaged: object header at %d of %d bytes", addr, n)
	}
	if c.err != nil {
		return nil, c.err
	}
	prefix := len(b) - len(c.b)
	var messages []message
	blocks := []span{{addr, prefix + int(n) + 4}}
	for i := 0; i < len(blocks); i++ {
		if i > 0 {
			prefix = 4
		}
		b, err := f.read(blocks[i].addr, blocks[i].n, "an object header")
		if err != nil {
			return nil, err
		}
		if i > 0 && (len(b) < 8 || string(b[:4]) != "OCHK") {
			return nil, formatf("is damaged: continued object header at %d without its signature", blocks[i].addr)
		}
		end := f.cursor(b, "an object header")
		end.skip(len(b) - 4)
		if end.checksum(); end.err != nil {
			return nil, end.err
		}
		c := f.cursor(b[prefix:len(b)-4], "an object header")
		fixed := 4
		if flags&4 != 0 {
			fixed += 2 // order of creation
		}
		for len(c.b) >= fixed {
			kind, size, mflags := int(c.u8()), int(c.u16()), c.u8()
			c.skip(fixed - 4)
			m := message{kind, mflags&2 != 0, c.bytes(size)}
			if c.err != nil {
				return nil, c.err
			}
			if blocks, messages, err = f.take(m, blocks, messages); err != nil {
				return nil, err
			}
		}
	}
	return messages, nil
}

// resolve returns the body of a message, from the object that holds it where it
// is shared: a committed datatype.
func (f *File) resolve(m message) ([]byte, error) {
	if !m.shared {
		return m.body, nil
	}
	c := f.cursor(m.body, "a shared message")
	version, kind := c.u8(), c.u8()
	if version == 1 {
		c.skip(6)
	}
	addr := c.addr()
	if version == 3 && kind == 1 {
		return nil, formatf("has header messages in a shared heap, which is not read")
	}
	if c.err != nil {
		return nil, c.err
	}
	messages, err := f.header(addr)
	if err != nil {
		return nil, err
	}
	for _, other := range messages {
		if other.kind == m.kind && !other.shared {
			return other.body, nil
		}
	}
	return nil, formatf("is damaged: the object at %d lacks the message that is shared", addr)
}
