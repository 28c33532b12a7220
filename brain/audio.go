package brain

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math"

	"golang.org/x/image/riff"
)

// EnvelopeRate is how many values of an envelope there are in a second.
const EnvelopeRate = 100

// Envelope reads the envelope of a WAV file: the root mean square of its samples, 1 being the
// full scale, in each hundredth of a second (the last one may be cut short), of several
// channels that of their mean. Samples are integers of 8 (unsigned), 16, 24 or 32 bits or
// floats of 32 or 64; what is compressed or longer than 4 GiB (RF64) is refused, and a file
// that ends before the length that it says it has.
func (f Files) Envelope(ctx context.Context, path string) ([]float64, error) {
	r, err := f.reader(path)
	if err != nil {
		return nil, fileError(path, err)
	}
	defer r.Close()
	w, err := openWave(r)
	if err != nil {
		return nil, fileError(path, err)
	}
	if err := f.room(path, "envelope", 16*w.frames()); err != nil { // which grows by doubling
		return nil, err
	}
	rms, err := w.envelope(ctx)
	return rms, fileError(path, err)
}

// waveFormat is the start of the chunk "fmt " of a WAV file.
type waveFormat struct {
	Tag, Channels        uint16
	Rate, BytesPerSecond uint32
	Block                uint16 // bytes of a sample of all channels
	Bits                 uint16
}

// The kinds of samples by their tags; an extensible format has the tag behind.
const (
	waveInteger    = 1
	waveFloat      = 3
	waveExtensible = 0xfffe
)

// wave is the sound of a WAV file.
type wave struct {
	waveFormat
	data   io.Reader
	bytes  int64
	sample func(b []byte) float64 // one, from -1 to 1
}

// openWave finds the samples in a RIFF container.
func openWave(r io.Reader) (*wave, error) {
	kind, chunks, err := riff.NewReader(r)
	switch {
	case err != nil:
		return nil, fmt.Errorf("is no WAV file (%w), expected PCM", err)
	case kind != riff.FourCC{'W', 'A', 'V', 'E'}:
		return nil, fmt.Errorf("is a RIFF file of kind %q, expected WAVE", kind[:])
	}
	w := &wave{}
	for {
		id, size, chunk, err := chunks.Next()
		switch {
		case err == io.EOF:
			return nil, errors.New("is a WAV file without samples")
		case err != nil:
			return nil, fmt.Errorf("is a WAV file that is cut short (%w): write it again with its length, by ffmpeg -i IN.wav OUT.wav", err)
		}
		switch id {
		case riff.FourCC{'f', 'm', 't', ' '}:
			if err := w.format(chunk); err != nil {
				return nil, err
			}
		case riff.FourCC{'d', 'a', 't', 'a'}:
			if w.sample == nil {
				return nil, errors.New("is a WAV file whose samples come before their format")
			}
			w.data, w.bytes = chunk, int64(size)
			return w, nil
		}
	}
}

// format reads how samples are written.
func (w *wave) format(chunk io.Reader) error {
	if err := binary.Read(chunk, binary.LittleEndian, &w.waveFormat); err != nil {
		return fmt.Errorf("is a WAV file whose format is cut short (%w)", err)
	}
	tag := w.Tag
	if tag == waveExtensible {
		var more struct {
			Size, Bits uint16
			Places     uint32
			Tag        uint16
		}
		if err := binary.Read(chunk, binary.LittleEndian, &more); err != nil {
			return fmt.Errorf("is a WAV file whose format is cut short (%w)", err)
		}
		tag = more.Tag
	}
	le := binary.LittleEndian
	switch [2]uint16{tag, w.Bits} {
	case [2]uint16{waveInteger, 8}:
		w.sample = func(b []byte) float64 { return (float64(b[0]) - 128) / 128 }
	case [2]uint16{waveInteger, 16}:
		w.sample = func(b []byte) float64 { return float64(int16(le.Uint16(b))) / (1 << 15) }
	case [2]uint16{waveInteger, 24}:
		w.sample = func(b []byte) float64 {
			return float64(int32(uint32(b[0])<<8|uint32(b[1])<<16|uint32(b[2])<<24)) / (1 << 31)
		}
	case [2]uint16{waveInteger, 32}:
		w.sample = func(b []byte) float64 { return float64(int32(le.Uint32(b))) / (1 << 31) }
	case [2]uint16{waveFloat, 32}:
		w.sample = func(b []byte) float64 { return float64(math.Float32frombits(le.Uint32(b))) }
	case [2]uint16{waveFloat, 64}:
		w.sample = func(b []byte) float64 { return math.Float64frombits(le.Uint64(b)) }
	default:
		return fmt.Errorf("has samples of %d bits in format %d, expected PCM: integers (1) of 8, 16, 24 or 32 bits, or floats (3) of 32 or 64", w.Bits, tag)
	}
	switch {
	case w.Channels == 0 || int(w.Block) != int(w.Channels)*int(w.Bits/8):
		return fmt.Errorf("has %d channels of %d bits in %d bytes, expected at least 1 and as many bytes", w.Channels, w.Bits, w.Block)
	case w.Rate < EnvelopeRate:
		return fmt.Errorf("has %d samples a second, expected at least %d", w.Rate, EnvelopeRate)
	}
	return nil
}

// waveBytes are read at a time, or a sample of all channels if that is more.
const waveBytes = 64 << 10

// frames is how many values the envelope has.
func (w *wave) frames() int64 { return w.bytes/int64(w.Block)*EnvelopeRate/int64(w.Rate) + 1 }

// envelope reads all samples.
func (w *wave) envelope(ctx context.Context) ([]float64, error) {
	block, width := int64(w.Block), int(w.Bits/8)
	n := w.bytes / block
	if n == 0 {
		return nil, errors.New("has no samples")
	}
	var rms []float64
	sum, count := 0.0, 0
	atOnce := max(1, waveBytes/block)
	buf := make([]byte, atOnce*block)
	for at := int64(0); at < n; {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		part := buf[:min(atOnce, n-at)*block]
		if _, err := io.ReadFull(w.data, part); err != nil {
			return nil, fmt.Errorf("ends within its %d bytes of samples (%w)", w.bytes, err)
		}
		for ; len(part) > 0; part = part[block:] {
			x := 0.0
			for c := range int(w.Channels) {
				x += w.sample(part[c*width:]) / float64(w.Channels)
			}
			if !finite(x) {
				return nil, fmt.Errorf("has %g as sample %d, expected a finite number", x, at)
			}
			sum, count = sum+x*x, count+1
			at++
			if at == n || at*EnvelopeRate/int64(w.Rate) > int64(len(rms)) { // the next one is of another frame
				rms = append(rms, math.Sqrt(sum/float64(count)))
				sum, count = 0, 0
			}
		}
	}
	return rms, nil
}
