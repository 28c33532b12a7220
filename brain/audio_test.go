package brain_test

import (
	"bytes"
	"context"
	"encoding/binary"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"voxen/brain"
	"voxen/store"
)

// waveFile is a WAV file of samples: format is the chunk behind its size, extra stands before it.
func waveFile(tag, bits, channels uint16, rate uint32, extra, data []byte) []byte {
	var b bytes.Buffer
	le := binary.LittleEndian
	var format []byte
	head := tag
	if tag > 100 { // extensible, of tag-100
		head = 0xfffe
	}
	block := channels * bits / 8
	for _, v := range []any{head, channels, rate, rate * uint32(block), block, bits} {
		format, _ = binary.Append(format, le, v)
	}
	if head == 0xfffe {
		for _, v := range []any{uint16(22), bits, uint32(0), tag - 100, [14]byte{2: 0x10}} {
			format, _ = binary.Append(format, le, v)
		}
	}
	chunk := func(id string, data []byte) {
		b.WriteString(id)
		binary.Write(&b, le, uint32(len(data)))
		b.Write(data)
		if len(data)%2 == 1 {
			b.WriteByte(0)
		}
	}
	b.WriteString("WAVE")
	if extra != nil {
		chunk("LIST", extra)
	}
	chunk("fmt ", format)
	chunk("data", data)
	return append(le.AppendUint32([]byte("RIFF"), uint32(b.Len())), b.Bytes()...)
}

// samples writes x as samples of a kind.
func samples(tag, bits uint16, x []float64) (data []byte) {
	for _, v := range x {
		switch [2]uint16{tag % 100, bits} {
		case [2]uint16{1, 8}:
			data = append(data, byte(math.Round(v*128)+128))
		case [2]uint16{1, 16}:
			data = binary.LittleEndian.AppendUint16(data, uint16(int16(math.Round(v*(1<<15)))))
		case [2]uint16{1, 24}:
			data = append(data, binary.LittleEndian.AppendUint32(nil, uint32(int32(math.Round(v*(1<<23)))))[:3]...)
		case [2]uint16{1, 32}:
			data = binary.LittleEndian.AppendUint32(data, uint32(int32(math.Round(v*(1<<31)))))
		case [2]uint16{3, 32}:
			data = binary.LittleEndian.AppendUint32(data, math.Float32bits(float32(v)))
		case [2]uint16{3, 64}:
			data = binary.LittleEndian.AppendUint64(data, math.Float64bits(v))
		}
	}
	return data
}

// The envelope is the root mean square of hundredths of a second, however samples are
// written, what stands before them, and at rates that hundredths do not divide.
func TestEnvelope(t *testing.T) {
	const rate = 11025 // frames of 110 and 111 samples
	path := filepath.Join(t.TempDir(), "a.wav")
	x := make([]float64, 2*rate+37)
	for i := range x {
		x[i] = 0.5 * math.Sin(2*math.Pi*441*float64(i)/rate) * (1 + math.Sin(2*math.Pi*float64(i)/rate)) / 2
	}
	want := make([]float64, 201)
	count := make([]float64, 201)
	for i, v := range x {
		f := i * 100 / rate
		want[f] += v * v
		count[f]++
	}
	for f := range want {
		want[f] = math.Sqrt(want[f] / count[f])
	}
	for _, c := range []struct {
		tag, bits, channels uint16
		extra               []byte
	}{{1, 8, 1, nil}, {1, 16, 1, []byte("INFOodd")}, {1, 16, 2, nil}, {1, 24, 3, nil}, {1, 32, 1, nil}, {3, 32, 2, nil}, {3, 64, 1, nil}, {101, 24, 2, nil}, {103, 32, 1, []byte("even")}} {
		var all []float64 // channels whose mean is x
		for _, v := range x {
			for k := range c.channels {
				w := v
				if c.channels > 1 && c.bits > 8 {
					w += 0.25 * (float64(k) - float64(c.channels-1)/2)
				}
				all = append(all, w)
			}
		}
		if err := os.WriteFile(path, waveFile(c.tag, c.bits, c.channels, rate, c.extra, samples(c.tag, c.bits, all)), 0o666); err != nil {
			t.Fatal(err)
		}
		got, err := brain.Files{}.Envelope(context.Background(), path)
		if err != nil || len(got) != len(want) {
			t.Fatalf("%+v: %d values, want %d: %v", c, len(got), len(want), err)
		}
		within := math.Ldexp(1, -int(min(c.bits, 25))) + 1e-7 // half a step of the samples, or of float32
		for f := range want {
			if math.Abs(got[f]-want[f]) > within {
				t.Fatalf("%+v: value %d is %g, want %g", c, f, got[f], want[f])
			}
		}
	}
}

// What is no sound that is read here is refused in a line with the file's name.
func TestEnvelopeRefuses(t *testing.T) {
	good := waveFile(1, 16, 1, 8000, nil, samples(1, 16, make([]float64, 100)))
	edit := func(at int, b ...byte) []byte {
		c := slices.Clone(good)
		copy(c[at:], b)
		return c
	}
	for name, c := range map[string]struct {
		data []byte
		want string
	}{
		"no file of the kind":  {[]byte("ID3 an mp3 file"), "is no WAV file"},
		"nothing":              {nil, "is no WAV file"},
		"another kind":         {edit(8, 'A', 'V', 'I', ' '), `is a RIFF file of kind "AVI "`},
		"cut short":            {good[:len(good)-7], "ends within its 200 bytes of samples"},
		"a length of a stream": {edit(40, 0xff, 0xff, 0xff, 0xff), "is a WAV file that is cut short"},
		"a-law":                {edit(20, 6), "has samples of 16 bits in format 6"},
		"12 bits":              {edit(34, 12), "has samples of 12 bits in format 1"},
		"no channels":          {edit(22, 0), "has 0 channels of 16 bits in 2 bytes"},
		"blocks that wrap":     {edit(22, 0, 0x80, 0x40, 0x1f, 0, 0, 0, 0, 0, 0, 0, 0), "has 32768 channels of 16 bits in 0 bytes"},
		"other blocks":         {edit(32, 3), "has 1 channels of 16 bits in 3 bytes"},
		"no rate":              {edit(24, 50, 0), "has 50 samples a second"},
		"no samples":           {waveFile(1, 16, 1, 8000, nil, nil), "has no samples"},
		"no chunk of samples":  {edit(36, 'D', 'A', 'T', 'A'), "is a WAV file without samples"},
		"no format":            {edit(12, 'F'), "samples come before their format"},
		"not a number":         {waveFile(3, 32, 1, 8000, nil, samples(3, 32, []float64{0, math.NaN()})), "has NaN as sample 1"},
	} {
		path := filepath.Join(t.TempDir(), "a.wav")
		if err := os.WriteFile(path, c.data, 0o666); err != nil {
			t.Fatal(err)
		}
		_, err := brain.Files{}.Envelope(context.Background(), path)
		if !store.IsInput(err) || !strings.Contains(err.Error(), c.want) || !strings.Contains(err.Error(), "a.wav") || strings.Contains(err.Error(), "\n") {
			t.Errorf("%s: %v, want %q", name, err, c.want)
		}
	}
}

// Whatever a file holds, it is read or refused.
func FuzzEnvelope(f *testing.F) {
	f.Add(waveFile(1, 16, 2, 8000, []byte("INFO"), samples(1, 16, make([]float64, 300))))
	f.Add(waveFile(103, 32, 1, 8000, nil, samples(3, 32, make([]float64, 100))))
	f.Fuzz(func(t *testing.T, data []byte) {
		path := filepath.Join(t.TempDir(), "a.wav")
		if err := os.WriteFile(path, data, 0o666); err != nil {
			t.Fatal(err)
		}
		rms, err := brain.Files{}.Envelope(context.Background(), path)
		if err == nil && (len(rms) == 0 || len(rms) > len(data)) || err != nil && !store.IsInput(err) {
			t.Fatalf("%d values of %d bytes: %v", len(rms), len(data), err)
		}
	})
}
