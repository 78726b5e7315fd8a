package mapping

import (
	"errors"
	"fmt"
	"strconv"
	"strings"

	"cel.dev/cel-go/cel"
	"cel.dev/cel-go/common/types"
	"cel.dev/cel-go/common/types/ref"
	"cel.dev/cel-go/common/types/traits"
)

// expression is a CEL expression over the variable event.
type expression struct {
	program cel.Program
}

// environment has what expressions may use: the standard library of CEL, and
// lower, upper, trim and part, none of which makes a text longer.
func environment() (*cel.Env, error) {
	return cel.NewEnv(
		cel.Variable("event", cel.DynType),
		textFunction("lower", strings.ToLower),
		textFunction("upper", strings.ToUpper),
		textFunction("trim", strings.TrimSpace),
		cel.Function("part", cel.Overload("part_string_string_int", []*cel.Type{cel.StringType, cel.StringType, cel.IntType}, cel.StringType,
			cel.FunctionBinding(func(args ...ref.Val) ref.Val {
				return types.String(part(string(args[0].(types.String)), string(args[1].(types.String)), int64(args[2].(types.Int))))
			}))),
	)
}

func textFunction(name string, f func(string) string) cel.EnvOption {
	return cel.Function(name, cel.Overload(name+"_string", []*cel.Type{cel.StringType}, cel.StringType,
		cel.UnaryBinding(func(v ref.Val) ref.Val { return types.String(f(string(v.(types.String)))) })))
}

// part returns the nth part of s between separators, from 0, or from the end if n
// is negative; empty if there is none.
func part(s, separator string, n int64) string {
	if separator == "" {
		return ""
	}
	count := int64(strings.Count(s, separator)) + 1
	if n < 0 {
		n += count
	}
	if n < 0 || n >= count {
		return ""
	}
	for ; n > 0; n-- {
		_, s, _ = strings.Cut(s, separator)
	}
	s, _, _ = strings.Cut(s, separator)
	return s
}

// costs counts what joining two values makes: CEL itself counts nothing for it
// where it does not know the types before, and texts that double twenty times are
// a thousand times a thousand as long.
type costs struct{}

// CallCost returns nil for calls that CEL counts itself.
func (costs) CallCost(function, _ string, args []ref.Val, result ref.Val) *uint64 {
	if function != "_+_" || len(args) != 2 {
		return nil
	}
	cost := uint64(1)
	switch v := result.(type) {
	case types.String:
		cost += uint64(len(v)) / 10
	case types.Bytes:
		cost += uint64(len(v)) / 10
	default:
		if added, ok := args[1].(traits.Sizer); ok {
			if n, ok := added.Size().(types.Int); ok {
				cost += uint64(n)
			}
		}
	}
	return &cost
}

// text evaluates an expression to text. A member that is not there makes it empty:
// events differ in what they have.
func (x *expression) text(in *input) (string, error) {
	v, err := x.eval(in)
	if err != nil || v == nil {
		return "", err
	}
	switch v := v.(type) {
	case types.String:
		return string(v), nil
	case types.Bool:
		return strconv.FormatBool(bool(v)), nil
	case types.Int:
		return strconv.FormatInt(int64(v), 10), nil
	case types.Uint:
		return strconv.FormatUint(uint64(v), 10), nil
	case types.Double:
		return strconv.FormatFloat(float64(v), 'f', -1, 64), nil
	case types.Null:
		return "", nil
	case types.Timestamp:
		return v.Time.UTC().Format("2006-01-02T15:04:05.999999999Z07:00"), nil
	}
	return "", fmt.Errorf("the expression gives a %s, which is no text", v.Type().TypeName())
}

// truth evaluates an expression to true or false; what cannot be evaluated is false.
func (x *expression) truth(in *input) (bool, error) {
	v, err := x.eval(in)
	b, ok := v.(types.Bool)
	return ok && bool(b), err
}

// eval returns nil for what is not there.
func (x *expression) eval(in *input) (ref.Val, error) {
	v, _, err := x.program.Eval(in.variables())
	if err == nil {
		return v, nil
	}
	for _, missing := range []string{"no such key", "no such attribute", "index out of bounds", "no such overload"} {
		if strings.Contains(err.Error(), missing) {
			return nil, nil
		}
	}
	if strings.Contains(err.Error(), "cost limit exceeded") {
		return nil, fmt.Errorf("the expression costs more than %d to evaluate", maxCost)
	}
	return nil, errors.New("evaluate expression: " + err.Error())
}
