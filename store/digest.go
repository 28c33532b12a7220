package store

import (
	"context"
	"crypto/sha256"
	"fmt"
	"hash"
	"io"

	"github.com/cespare/xxhash/v2"
)

// Input identifies a file that a result was computed from.
type Input struct {
	Role   string `json:"role"` // the flag that named it, for example "--responses"
	Path   string `json:"path"`
	Bytes  int64  `json:"bytes"`
	Digest string `json:"digest"` // algorithm, colon, hexadecimal digits
}

// fastDigestBytes is the size from which a file is digested with xxh64, which
// runs at the speed of memory, and no longer with SHA-256, several times slower: to
// hash 100 GB of responses must not take longer than to fit them. xxh64 finds
// every accident; against a file forged to collide only SHA-256 would help.
const fastDigestBytes = 64 << 20

// DigestFile reads a file once and returns its size and digest: "sha256:..." of
// files below 64 MiB, as sha256sum prints it, and "xxh64:..." of larger ones,
// as xxhsum -H64 does. Of FILE:/NAME it is that of the file. Role is left for the
// caller to fill.
func DigestFile(ctx context.Context, fsys FS, path string) (Input, error) {
	file, _ := SplitMember(path)
	f, size, err := openInput(fsys, file)
	if err != nil {
		return Input{}, err
	}
	defer f.Close()
	return digestReader(ctx, path, f, size)
}

func digestReader(ctx context.Context, path string, r io.ReaderAt, size int64) (Input, error) {
	name, h := "sha256", hash.Hash(nil)
	if size >= fastDigestBytes {
		name, h = "xxh64", xxhash.New()
	} else {
		h = sha256.New()
	}
	if err := eachPiece(ctx, r, size, func(b []byte) { h.Write(b) }); err != nil {
		if ctx.Err() == nil {
			err = pathError(path, err)
		}
		return Input{}, err
	}
	return Input{Path: path, Bytes: size, Digest: fmt.Sprintf("%s:%x", name, h.Sum(nil))}, nil
}

// eachPiece calls f with the bytes of r in order, while it reads the ones that follow.
func eachPiece(ctx context.Context, r io.ReaderAt, size int64, f func(b []byte)) error {
	type piece struct {
		buf *scratch
		n   int64
		err error
	}
	const inFlight = 2
	free, full := make(chan *scratch, inFlight), make(chan piece, inFlight)
	for range inFlight {
		buf := getScratch()
		defer putScratch(buf)
		free <- buf
	}
	go func() {
		defer close(full)
		for off := int64(0); off < size; {
			p := piece{buf: <-free, n: min(size-off, scratchBytes), err: ctx.Err()}
			if p.err == nil {
				var n int
				if n, p.err = r.ReadAt(p.buf.bytes()[:p.n], off); int64(n) == p.n {
					p.err = nil
				} else if p.err == nil || p.err == io.EOF {
					p.err = io.ErrUnexpectedEOF
				}
			}
			full <- p
			if p.err != nil {
				return
			}
			off += p.n
		}
	}()
	var err error
	for p := range full {
		if err = p.err; err == nil {
			f(p.buf.bytes()[:p.n])
		}
		free <- p.buf
	}
	return err
}
