package blas

import (
	"fmt"
	"os"
	"strings"
)

// Level names a set of kernels. The zero value is the best one that this processor and this build have.
type Level int

// The levels. All of one processor give results within rounding of each other, not the same bits.
const (
	Auto    Level = iota // the best present, or the one that VOXEN_SIMD names
	Generic              // plain Go
	NEON                 // arm64
	AVX2                 // amd64 with AVX2 and FMA
	AVX512               // amd64 with AVX-512 F, VL and DQ, and an operating system that saves its registers
)

var levelNames = [...]string{"auto", "generic", "neon", "avx2", "avx512"}

func (l Level) String() string {
	if l < 0 || int(l) >= len(levelNames) {
		return fmt.Sprintf("Level(%d)", int(l))
	}
	return levelNames[l]
}

// Levels lists the levels present in this build on this processor, the best one last.
func Levels() []Level { return append([]Level{Generic}, simdLevels()...) }

// best is what Auto stands for: VOXEN_SIMD where it names a level that is present, else the last of Levels.
var best = chooseBest(os.Getenv("VOXEN_SIMD"), Levels())

func chooseBest(want string, have []Level) Level {
	for _, l := range have {
		if strings.EqualFold(want, l.String()) {
			return l
		}
	}
	return have[len(have)-1]
}

// Resolve returns the level that l stands for: Auto and levels that are not present become the best one.
func (l Level) Resolve() Level {
	if l != Auto {
		for _, have := range Levels() {
			if l == have {
				return l
			}
		}
	}
	return best
}
