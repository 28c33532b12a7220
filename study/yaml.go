package study

import (
	"errors"
	"fmt"
	"io"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"voxen/study/step"
)

// refuser makes a refusal that names the line.
type refuser func(line int, format string, args ...any) error

// decodeYAML fills a struct of tagged fields from a YAML document and notes the
// line of every key by its full name, such as models[0].path. Only what the
// fields name is taken: an unknown key is refused with the nearest known one.
func decodeYAML(text string, into any, refuse refuser, lines map[string]int) error {
	dec := yaml.NewDecoder(strings.NewReader(text))
	var doc yaml.Node
	switch err := dec.Decode(&doc); {
	case errors.Is(err, io.EOF):
		return refuse(0, "is empty, expected a study's configuration")
	case err != nil:
		return refuse(0, "%s", strings.TrimPrefix(err.Error(), "yaml: "))
	}
	var second yaml.Node
	if err := dec.Decode(&second); !errors.Is(err, io.EOF) {
		if err != nil {
			return refuse(0, "%s", strings.TrimPrefix(err.Error(), "yaml: "))
		}
		return refuse(second.Line, "a second document, expected one")
	}
	d := &yamlDecoder{refuse, lines}
	return d.section(doc.Content[0], reflect.ValueOf(into).Elem(), "")
}

type yamlDecoder struct {
	refuse refuser
	lines  map[string]int
}

// value decodes one value by the type of its field.
func (d *yamlDecoder) value(n *yaml.Node, v reflect.Value, field *structField, key string) error {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	switch {
	case field != nil && field.Tag.Get("opt") != "" && v.Kind() != reflect.Slice:
		return d.option(n, step.OptionOf(field.StructField, v), key)
	case v.Kind() == reflect.Struct:
		return d.section(n, v, key)
	case v.Kind() == reflect.Slice:
		return d.list(n, v, key)
	}
	return d.scalar(n, v, field, key)
}

// section decodes a mapping. One without keys, or whose keys are all commented
// out, changes nothing.
func (d *yamlDecoder) section(n *yaml.Node, v reflect.Value, key string) error {
	if n.Tag == "!!null" && key != "" {
		return nil
	}
	if n.Kind != yaml.MappingNode {
		if key == "" {
			return d.refuse(n.Line, "is %s, expected keys and values", describe(n))
		}
		return d.refuse(n.Line, "%s is %s, expected keys and values", key, describe(n))
	}
	for i := 0; i < len(n.Content); i += 2 {
		k, value := n.Content[i], n.Content[i+1]
		field, ok := fieldOf(v.Type(), k.Value)
		if !ok {
			return d.refuse(k.Line, "unknown key %q%s; the nearest is %q%s", k.Value, within(key), step.Nearest(k.Value, keysOf(v.Type())), elsewhere(k.Value, key))
		}
		full := join(key, k.Value)
		if line, twice := d.lines[full]; twice {
			return d.refuse(k.Line, "%s is there again, first in line %d", full, line)
		}
		d.lines[full] = k.Line
		if err := d.value(value, v.FieldByIndex(field.Index), &structField{field}, full); err != nil {
			return err
		}
	}
	return nil
}

// defaulter is an element of a list with defaults of its own.
type defaulter interface{ defaults() }

// list decodes a sequence; a single value stands for a list of one.
func (d *yamlDecoder) list(n *yaml.Node, v reflect.Value, key string) error {
	items := []*yaml.Node{n}
	if n.Kind == yaml.SequenceNode {
		items = n.Content
	} else if n.Kind == yaml.ScalarNode && (n.Tag == "!!null" || v.Type().Elem().Kind() == reflect.Struct) {
		return d.refuse(n.Line, "%s is %s, expected a list", key, describe(n))
	}
	out := reflect.MakeSlice(v.Type(), len(items), len(items))
	for i, item := range items {
		full := element(key, i)
		d.lines[full] = item.Line
		if def, ok := out.Index(i).Addr().Interface().(defaulter); ok {
			def.defaults()
		}
		if err := d.value(item, out.Index(i), nil, full); err != nil {
			return err
		}
	}
	v.Set(out)
	return nil
}

// option decodes an option of a step, which says itself what it may be.
func (d *yamlDecoder) option(n *yaml.Node, o step.Option, key string) error {
	bad := func(expected string) error {
		return d.refuse(n.Line, "%s is %s, expected %s", key, describe(n), expected)
	}
	text := n.Value
	if o.IsBool() {
		text = strings.ToLower(text)
	}
	switch {
	case n.Kind != yaml.ScalarNode || n.Tag == "!!null", o.IsBool() && n.Tag != "!!bool", o.Set(text) != nil:
		return bad(o.ExpectedType())
	case n.Value == "" && o.Required: // without it the step is left out
	case o.Check() != nil:
		return bad(o.Expected() + meant(n.Value, o.Choices))
	}
	return nil
}

// scalar decodes text, numbers and truth values. Text is taken as it is written,
// so that 01 names subject 01.
func (d *yamlDecoder) scalar(n *yaml.Node, v reflect.Value, field *structField, key string) error {
	bad := func(expected string) error {
		return d.refuse(n.Line, "%s is %s, expected %s", key, describe(n), expected)
	}
	if n.Kind != yaml.ScalarNode || n.Tag == "!!null" {
		return bad(typeName(v.Kind()))
	}
	switch v.Kind() {
	case reflect.String:
		v.SetString(n.Value)
		if list := field.tag("oneof"); list != "" && !slices.Contains(strings.Split(list, ","), n.Value) {
			return bad(strings.Join(strings.Split(list, ","), ", ") + meant(n.Value, strings.Split(list, ",")))
		}
		return nil
	case reflect.Bool:
		if n.Tag != "!!bool" {
			return bad(typeName(v.Kind()))
		}
		v.SetBool(strings.EqualFold(n.Value, "true"))
		return nil
	}
	return d.number(n, v, field, bad)
}

func (d *yamlDecoder) number(n *yaml.Node, v reflect.Value, field *structField, bad func(string) error) error {
	var x float64
	switch v.Kind() {
	case reflect.Float64:
		var err error
		if x, err = strconv.ParseFloat(n.Value, 64); err != nil || math.IsNaN(x) || math.IsInf(x, 0) {
			return bad(typeName(v.Kind()))
		}
		v.SetFloat(x)
	case reflect.Uint64:
		u, err := strconv.ParseUint(n.Value, 10, 64)
		if err != nil {
			return bad("a whole number from 0")
		}
		v.SetUint(u)
	default:
		i, err := strconv.ParseInt(n.Value, 10, 32)
		if err != nil {
			return bad(typeName(v.Kind()))
		}
		v.SetInt(i)
		x = float64(i)
	}
	if least := field.tag("min"); least != "" {
		if m, _ := strconv.ParseFloat(least, 64); x < m {
			return bad("at least " + least)
		}
	}
	return nil
}

// structField is a field of a section, nil for elements of lists.
type structField struct{ reflect.StructField }

// tag is one of the field's tags.
func (f *structField) tag(name string) string {
	if f == nil {
		return ""
	}
	return f.Tag.Get(name)
}

// typeName says what a value should have been.
func typeName(k reflect.Kind) string {
	switch k {
	case reflect.String:
		return "text"
	case reflect.Bool:
		return "true or false"
	case reflect.Float64:
		return "a number"
	}
	return "a whole number"
}

// describe says what stands in the file.
func describe(n *yaml.Node) string {
	switch {
	case n.Kind == yaml.MappingNode:
		return "a section of keys"
	case n.Kind == yaml.SequenceNode:
		return "a list"
	case n.Tag == "!!null":
		return "empty"
	}
	return strconv.Quote(n.Value)
}

func element(key string, i int) string { return fmt.Sprintf("%s[%d]", key, i) }

func join(section, key string) string {
	if section == "" {
		return key
	}
	return section + "." + key
}

func within(section string) string {
	if section == "" {
		return ""
	}
	return " in " + section
}

func itoa(n int) string { return strconv.Itoa(n) }

// fieldOf finds the field of a key, of embedded structs too.
func fieldOf(t reflect.Type, key string) (reflect.StructField, bool) {
	for _, f := range fieldsOf(t) {
		if step.KeyOf(f) == key {
			return f, true
		}
	}
	return reflect.StructField{}, false
}

// fieldsOf lists the fields of a section that have keys.
func fieldsOf(t reflect.Type) []reflect.StructField {
	return slices.DeleteFunc(reflect.VisibleFields(t), func(f reflect.StructField) bool { return step.KeyOf(f) == "" })
}

// keysOf lists the keys of a section.
func keysOf(t reflect.Type) []string {
	var keys []string
	for _, f := range fieldsOf(t) {
		keys = append(keys, step.KeyOf(f))
	}
	return keys
}

// elsewhere names the section that has the key, for one that stands in another.
func elsewhere(key, section string) string {
	for _, k := range ConfigKeys() {
		if name := k.Name; strings.HasSuffix("."+name, "."+key) && name != join(section, key) {
			return fmt.Sprintf(" (there is %s)", name)
		}
	}
	return ""
}

// meant suggests the nearest of a list if it is near.
func meant(word string, list []string) string {
	if len(list) == 0 {
		return ""
	}
	if near := step.Nearest(word, list); step.Distance(word, near) <= 2 {
		return fmt.Sprintf(": did you mean %q?", near)
	}
	return ""
}

// ConfigKey is one key of a study's configuration.
type ConfigKey struct {
	Name    string // encode.alphas, models[].path
	Type    string // text, a number, ...; "" for a section
	Default string
	Doc     string
}

// ConfigKeys lists every key of a configuration with its default, in order.
func ConfigKeys() []ConfigKey {
	c := DefaultConfig()
	return keysBelow(reflect.ValueOf(&c).Elem(), "")
}

func keysBelow(v reflect.Value, section string) []ConfigKey {
	var keys []ConfigKey
	for _, f := range fieldsOf(v.Type()) {
		value, name := v.FieldByIndex(f.Index), join(section, step.KeyOf(f))
		k := ConfigKey{Name: name, Doc: f.Tag.Get("doc")}
		switch {
		case f.Tag.Get("opt") != "" && value.Kind() != reflect.Slice:
			o := step.OptionOf(f, value)
			k.Type, k.Default = o.Type(), o.String()
			if len(o.Choices) > 0 {
				k.Type = strings.Join(o.Choices, ", ")
			}
		case value.Kind() == reflect.Struct:
			keys = append(append(keys, k), keysBelow(value, name)...)
			continue
		case value.Kind() == reflect.Slice && value.Type().Elem().Kind() == reflect.Struct:
			e := reflect.New(value.Type().Elem())
			if d, ok := e.Interface().(defaulter); ok {
				d.defaults()
			}
			k.Name += "[]"
			keys = append(append(keys, k), keysBelow(e.Elem(), k.Name)...)
			continue
		case value.Kind() == reflect.Slice:
			k.Type = "a list"
		default:
			k.Type, k.Default = typeName(value.Kind()), fmt.Sprint(value.Interface())
			if list := f.Tag.Get("oneof"); list != "" {
				k.Type = strings.Join(strings.Split(list, ","), ", ")
			}
		}
		keys = append(keys, k)
	}
	return keys
}
