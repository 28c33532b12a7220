package step

import (
	"path/filepath"
	"regexp"
)

// SubjectIn is the subject that a BIDS path names last, "" if it names none.
func SubjectIn(path string) string {
	all := subjectEntity.FindAllString(filepath.ToSlash(path), -1)
	if all == nil {
		return ""
	}
	return all[len(all)-1]
}

// subjectEntity is how BIDS names a subject.
var subjectEntity = regexp.MustCompile(`sub-[A-Za-z0-9]+`)
