package steptest

import "reflect"

// With gives a step with its defaults the fields of o that are not zero.
func With[S any](step *S, o S) *S {
	from, to := reflect.ValueOf(o), reflect.ValueOf(step).Elem()
	for i := range from.NumField() {
		if from.Type().Field(i).IsExported() && !from.Field(i).IsZero() {
			to.Field(i).Set(from.Field(i))
		}
	}
	return step
}
