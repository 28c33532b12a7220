//go:build noblasdl || !(linux || darwin) || !(amd64 || arm64)

package sysblas

import "fmt"

// open has nothing to open a library with in this build.
func open(path string) (*library, error) {
	return nil, fmt.Errorf("%s: this program was built without the means to open libraries", path)
}
