package worker

import (
	"fmt"
	"os"
	"strings"
)

// residentShared is how many bytes of files in shared memory are resident here: the
// resident set of the process has them already. 0 where it is not known.
func residentShared() int64 {
	status, err := os.ReadFile("/proc/self/status")
	if err != nil {
		return 0
	}
	_, after, _ := strings.Cut(string(status), "\nRssShmem:")
	var kib int64
	fmt.Sscanf(after, "%d kB", &kib)
	return kib << 10
}
