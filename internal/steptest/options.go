package steptest

import "reflect"

// With gives a step with its defaults the fields of o that are not zero.
func With[S any](step *S, o S) *S {
	copyGiven(reflect.ValueOf(step).Elem(), reflect.ValueOf(o))
	return step
}

// copyGiven copies fields that are not zero, those of embedded structs one by one.
func copyGiven(to, from reflect.Value) {
	for i := range from.NumField() {
		switch f := from.Type().Field(i); {
		case !f.IsExported() || from.Field(i).IsZero():
		case f.Anonymous:
			copyGiven(to.Field(i), from.Field(i))
		default:
			to.Field(i).Set(from.Field(i))
		}
	}
}
