package step

import (
	"encoding"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"voxen/store"
)

// Option is one option of a step: a field of its struct of options, which is the
// only place where it is written. Flags, keys of study.yaml, run.json, the key of a
// step's output, completion and the tables of docs/options.md are made from it.
//
// The tags of a field are
//
//	opt       name of the flag: "alpha-per"
//	key       key in study.yaml; the name with _ for - if left out, "-" for none
//	doc       the sentence of the help and the docs
//	default   value of a step of which nothing is said; the zero value if left out
//	oneof     the values that text may have, with commas between
//	form      how text is written, where a list of values does not say it: "LO:HI:N or a,b,c"
//	min, max  least and greatest number; above, below: bounds that are not reached
//	file      "in": path of an input, "out": of what is written, "folder": of
//	          what MoreInputs lists the files; none is part of the key, inputs count
//	          by their digests
//	spaces    "true": a file may be feature spaces by name (Spaces)
//	list      "comma" for a list in one value; other lists repeat the flag
//	required  "true": the step has no meaning without it
//	neutral   "true": cannot change a result, and is not part of the key
//
// A field without opt is set by programs alone. Fields of embedded structs count
// as the struct's own.
type Option struct {
	Name     string
	Key      string // "" if study.yaml has no key for it
	Doc      string
	Default  string
	Choices  []string
	Form     string
	File     string
	Required bool
	Neutral  bool

	field reflect.StructField
	value reflect.Value
}

// Maybe is a value that may be left out: an explicit 0 is told from none.
type Maybe[T int | float64] struct {
	Value T
	Given bool
}

// Some is a value that is given.
func Some[T int | float64](x T) Maybe[T] { return Maybe[T]{x, true} }

// Or is the value, or another one if it is left out.
func (m Maybe[T]) Or(other T) T {
	if m.Given {
		return m.Value
	}
	return other
}

// Options lists the options of a step, given the address of its struct of options,
// in the order of the fields.
func Options(step any) []Option {
	return optionsBelow(reflect.ValueOf(step).Elem())
}

func optionsBelow(v reflect.Value) []Option {
	var list []Option
	for i := range v.NumField() {
		f := v.Type().Field(i)
		switch name := f.Tag.Get("opt"); {
		case f.Anonymous && f.Type.Kind() == reflect.Struct:
			list = append(list, optionsBelow(v.Field(i))...)
		case name != "":
			list = append(list, OptionOf(f, v.Field(i)))
		}
	}
	return list
}

// OptionOf is the option of a field, given its value, which Set sets.
func OptionOf(f reflect.StructField, v reflect.Value) Option {
	o := Option{Name: f.Tag.Get("opt"), Key: KeyOf(f), Doc: f.Tag.Get("doc"), Default: f.Tag.Get("default"), Form: f.Tag.Get("form"), File: f.Tag.Get("file"),
		Required: f.Tag.Get("required") == "true", Neutral: f.Tag.Get("neutral") == "true", field: f, value: v}
	if c := f.Tag.Get("oneof"); c != "" {
		o.Choices = strings.Split(c, ",")
	}
	return o
}

// KeyOf is the key of a field in study.yaml, "" for none.
func KeyOf(f reflect.StructField) string {
	key, given := f.Tag.Lookup("key")
	switch {
	case key == "-", !given && f.Tag.Get("file") != "":
		return ""
	case given:
		return key
	}
	return strings.ReplaceAll(f.Tag.Get("opt"), "-", "_")
}

// Default sets every option of a step to its default and returns the step.
func Default[S any](step *S) *S {
	for _, o := range Options(step) {
		if o.Default == "" {
			continue
		}
		if err := o.Set(o.Default); err != nil {
			panic(fmt.Sprintf("%T: default of %s: %v", step, o.Name, err)) // a fault of the tag, which a test sees
		}
	}
	return step
}

// IsList reports whether the option has several values.
func (o Option) IsList() bool { return o.value.Kind() == reflect.Slice }

// Repeats reports whether each value of a list is given by a flag of its own.
func (o Option) Repeats() bool { return o.IsList() && o.field.Tag.Get("list") != "comma" }

// IsBool reports whether the option is a switch.
func (o Option) IsBool() bool { return o.value.Kind() == reflect.Bool }

// Type names what the option holds, for help: text, number, ...
func (o Option) Type() string {
	t := o.value.Type()
	if o.IsList() {
		t = t.Elem()
	}
	if t.Kind() == reflect.Struct && t.NumField() == 2 && t.Field(1).Name == "Given" {
		t = t.Field(0).Type
	}
	switch {
	case o.File != "":
		return "path"
	case t.Kind() == reflect.Bool:
		return "switch"
	case t.Kind() == reflect.Float64:
		return "number"
	case t.Kind() == reflect.Int, t.Kind() == reflect.Uint64:
		return "whole number"
	}
	return "text"
}

// Set sets the option to a value as it is written; to a list that repeats it appends.
// Bounds and choices are those of Check.
func (o Option) Set(text string) error {
	v := o.value
	if o.Repeats() {
		item := reflect.New(v.Type().Elem()).Elem()
		if err := set(item, text); err != nil {
			return err
		}
		v.Set(reflect.Append(v, item))
		return nil
	}
	if o.IsList() {
		parts := strings.Split(text, ",")
		list := reflect.MakeSlice(v.Type(), len(parts), len(parts))
		for i, p := range parts {
			if err := set(list.Index(i), strings.TrimSpace(p)); err != nil {
				return err
			}
		}
		v.Set(list)
		return nil
	}
	return set(v, text)
}

// set reads one value.
func set(v reflect.Value, text string) error {
	if u, ok := v.Addr().Interface().(encoding.TextUnmarshaler); ok {
		return u.UnmarshalText([]byte(text))
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(text)
	case reflect.Bool:
		b, err := strconv.ParseBool(text)
		if err != nil {
			return fmt.Errorf("%q, expected true or false", text)
		}
		v.SetBool(b)
	case reflect.Int:
		n, err := strconv.ParseInt(text, 10, 32)
		if err != nil {
			return fmt.Errorf("%q, expected a whole number", text)
		}
		v.SetInt(n)
	case reflect.Uint64:
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			return fmt.Errorf("%q, expected a whole number from 0", text)
		}
		v.SetUint(n)
	case reflect.Float64:
		x, err := strconv.ParseFloat(text, 64)
		if err != nil || math.IsNaN(x) || math.IsInf(x, 0) {
			return fmt.Errorf("%q, expected a number", text)
		}
		v.SetFloat(x)
	case reflect.Struct: // Maybe
		if err := set(v.Field(0), text); err != nil {
			return err
		}
		v.Field(1).SetBool(true)
	default:
		panic("an option of type " + v.Type().String())
	}
	return nil
}

// String writes the value so that Set reads it; lists have commas between.
func (o Option) String() string {
	if !o.IsList() {
		return write(o.value)
	}
	parts := make([]string, o.value.Len())
	for i := range parts {
		parts[i] = write(o.value.Index(i))
	}
	return strings.Join(parts, ",")
}

func write(v reflect.Value) string {
	if m, ok := v.Addr().Interface().(encoding.TextMarshaler); ok {
		text, err := m.MarshalText()
		if err != nil {
			return err.Error()
		}
		return string(text)
	}
	switch v.Kind() {
	case reflect.Float64:
		return strconv.FormatFloat(v.Float(), 'g', -1, 64)
	case reflect.Struct: // Maybe
		if !v.Field(1).Bool() {
			return ""
		}
		return write(v.Field(0))
	}
	return fmt.Sprint(v.Interface())
}

// Check refuses a value that is none of the choices or out of bounds, in the words of
// the flag.
func (o Option) Check() error {
	values := []reflect.Value{o.value}
	if o.IsList() {
		values = nil
		for i := range o.value.Len() {
			values = append(values, o.value.Index(i))
		}
	}
	if o.Required && (len(values) == 0 || !o.IsList() && write(o.value) == "") {
		return refuse("--%s is needed: %s", o.Name, o.Doc)
	}
	for _, v := range values {
		if v.Kind() == reflect.Struct && v.NumField() == 2 && v.Type().Field(1).Name == "Given" {
			if !v.Field(1).Bool() {
				continue
			}
			v = v.Field(0)
		}
		if !o.within(v) {
			return refuse("--%s %s, expected %s", o.Name, quoted(v), o.Expected())
		}
	}
	return nil
}

// quoted writes a number plainly and text in quotes.
func quoted(v reflect.Value) string {
	if v.Kind() == reflect.String {
		return strconv.Quote(v.String())
	}
	return write(v)
}

// within reports whether a value is among the choices and within the bounds.
func (o Option) within(v reflect.Value) bool {
	if len(o.Choices) > 0 && v.Kind() == reflect.String {
		return slices.Contains(o.Choices, v.String()) || v.String() == "" && o.Default == "" // left out
	}
	var x float64
	switch v.Kind() {
	case reflect.Int:
		x = float64(v.Int())
	case reflect.Uint64:
		x = float64(v.Uint())
	case reflect.Float64:
		x = v.Float()
	default:
		return true
	}
	for tag, holds := range map[string]func(bound float64) bool{
		"min": func(b float64) bool { return x >= b }, "max": func(b float64) bool { return x <= b },
		"above": func(b float64) bool { return x > b }, "below": func(b float64) bool { return x < b },
	} {
		if b, err := strconv.ParseFloat(o.field.Tag.Get(tag), 64); err == nil && !holds(b) {
			return false
		}
	}
	return true
}

// Bounds says which numbers the option may have, "" if all.
func (o Option) Bounds() string {
	t := o.field.Tag
	switch {
	case t.Get("min") != "" && t.Get("max") != "":
		return t.Get("min") + " to " + t.Get("max")
	case t.Get("above") != "" && t.Get("below") != "":
		return "a number between " + t.Get("above") + " and " + t.Get("below")
	case t.Get("above") != "" && t.Get("max") != "":
		return "a number above " + t.Get("above") + ", at most " + t.Get("max")
	case t.Get("min") != "":
		return "at least " + t.Get("min")
	case t.Get("max") != "":
		return "at most " + t.Get("max")
	case t.Get("above") != "":
		return "a number above " + t.Get("above")
	case t.Get("below") != "":
		return "a number below " + t.Get("below")
	}
	return ""
}

// Expected says what the option may be, in the words of a refusal.
func (o Option) Expected() string {
	switch bounds := o.Bounds(); {
	case len(o.Choices) > 0:
		return either(o.Choices)
	case bounds != "":
		return bounds
	}
	return o.ExpectedType()
}

// ExpectedType says what sort of value the option has, in the words of a refusal.
func (o Option) ExpectedType() string {
	if o.value.Kind() == reflect.Uint64 {
		return "a whole number from 0"
	}
	switch t := o.Type(); t {
	case "switch":
		return "true or false"
	case "text":
		return t
	default:
		return "a " + t
	}
}

// either lists words as people do: a, b or c.
func either(words []string) string {
	if len(words) < 2 {
		return strings.Join(words, "")
	}
	return strings.Join(words[:len(words)-1], ", ") + " or " + words[len(words)-1]
}

// checkOptions refuses the first option of a step whose value it may not have.
func checkOptions(step any) error {
	for _, o := range Options(step) {
		if err := o.Check(); err != nil {
			return err
		}
	}
	return nil
}

// refuse is wrong input that is in no file.
func refuse(format string, args ...any) error {
	return &store.InputError{Msg: fmt.Sprintf(format, args...)}
}

// Completions are what a shell offers for the value: the choices, or the fixed words of
// the form ("cosine:" of "none, linear or cosine:SECONDS").
func (o Option) Completions() []string {
	if len(o.Choices) > 0 {
		return o.Choices
	}
	if words := o.field.Tag.Get("complete"); words != "" {
		return strings.Split(words, ",")
	}
	return nil
}
