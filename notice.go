// Package voxen carries what is said of the program as a whole: the licences of all
// that it embeds. What it does is in the packages below.
package voxen

import _ "embed"

// Notice is the text of NOTICE, which internal/notices writes.
//
//go:embed NOTICE
var Notice string

// Licence is the text of LICENSE.
//
//go:embed LICENSE
var Licence string
