package rules

import (
	"fmt"
	"reflect"
	"strings"

	"github.com/expr-lang/expr"
	"github.com/expr-lang/expr/builtin"
	"github.com/expr-lang/expr/vm/runtime"
)

// maxMade is how heavy what an expression makes may be, and how long the body of a
// message: a let that doubles another one doubles its text as well, and thirty
// such lets would make sixteen letters sixteen gigabytes.
const maxMade = 4 << 20

var errTooMuch = fmt.Errorf("this makes more than %d MiB", maxMade>>20)

// weightOfOne is what each value in a list or table weighs beside its text.
const weightOfOne = 4

// weigh takes the weight of a value off what there is room for: the bytes of its
// text, and a few for each value in it. What stands in it twice counts twice, as it
// does where it is written out. It goes no further than the room does; less than 0
// comes back where the value is too heavy, or nested too deep.
func weigh(v any, room int) int { return weighAt(v, room, 0) }

func weighAt(v any, room, depth int) int {
	if depth > maxNesting {
		return -1
	}
	switch v := v.(type) {
	case nil, bool, int, float64:
		return room
	case string:
		return room - len(v)
	case []any:
		for i := 0; i < len(v) && room >= 0; i++ {
			room = weighAt(v[i], room-weightOfOne, depth+1)
		}
		return room
	case map[string]any:
		for key, item := range v {
			if room = weighAt(item, room-weightOfOne-len(key), depth+1); room < 0 {
				break
			}
		}
		return room
	}
	// What else expr makes: texts that were split, ranges, pairs, groups.
	switch r := reflect.ValueOf(v); r.Kind() {
	case reflect.Slice, reflect.Array:
		for i := 0; i < r.Len() && room >= 0; i++ {
			room = weighAt(r.Index(i).Interface(), room-weightOfOne, depth+1)
		}
	case reflect.Map:
		for entries := r.MapRange(); room >= 0 && entries.Next(); {
			room = weighAt(entries.Key().Interface(), room-weightOfOne, depth+1)
			room = weighAt(entries.Value().Interface(), room, depth+1)
		}
	}
	return room
}

// weighed passes on what is not too heavy.
func weighed(v any) (any, error) {
	if weigh(v, maxMade) < 0 {
		return nil, errTooMuch
	}
	return v, nil
}

// plus is expr's +, for texts that are not too long together.
func plus(l, r any) any {
	if a, ok := l.(string); ok {
		if b, ok := r.(string); ok && len(a)+len(b) > maxMade {
			panic(errTooMuch)
		}
	}
	return runtime.Add(l, r)
}

// An allowance is what one run of a program may still make. A program makes many
// values, one for each item of a list for example; they count together.
type allowance struct{ room int }

func (a *allowance) spend(v any) (any, error) {
	if a.room = weigh(v, a.room); a.room < 0 {
		return nil, errTooMuch
	}
	return v, nil
}

// makers are expr's functions that make text and lists anew. What is known before
// of how much that will be is looked at first.
var makers = map[string]func(a *allowance, args []any) error{
	"concat":     spendAll,
	"flatten":    spendAll,
	"fromBase64": nil,
	"fromJSON":   nil,
	"fromPairs":  nil,
	"join":       (*allowance).join,
	"keys":       nil,
	"lower":      nil,
	"replace":    (*allowance).replace,
	"reverse":    nil,
	"sort":       nil,
	"split":      nil,
	"splitAfter": nil,
	"string":     spendAll,
	"toBase64":   nil,
	"toJSON":     spendAll,
	"toPairs":    nil,
	"uniq":       nil,
	"upper":      nil,
	"values":     nil,
}

func spendAll(a *allowance, args []any) error {
	_, err := a.spend(args)
	return err
}

func (a *allowance) join(args []any) error {
	room := weigh(args[0], a.room)
	if glue, ok := args[len(args)-1].(string); ok && len(args) > 1 && room >= 0 {
		room -= len(glue) * runtime.Len(args[0])
	}
	if room < 0 {
		return errTooMuch
	}
	return nil
}

func (a *allowance) replace(args []any) error {
	var texts [3]string
	for i := range texts {
		texts[i], _ = args[i].(string)
	}
	if more := len(texts[2]) - len(texts[1]); more > 0 && len(texts[0])+strings.Count(texts[0], texts[1])*more > a.room {
		return errTooMuch
	}
	return nil
}

// What bound puts into a program, under names that no expression can hold.
const (
	makeName      = "$make"
	addName       = "$add"
	allowanceName = "$allowance"
)

// A maker is one of expr's functions by its name.
type maker string

var boundOptions = []expr.Option{
	expr.Function(makeName, func(args ...any) (any, error) {
		a, v := args[0].(*allowance), args[2]
		if f, ok := args[1].(maker); ok {
			made, err := f.call(a, args[2:])
			if err != nil {
				return nil, err
			}
			v = made
		}
		return a.spend(v)
	}, new(func(any, any, ...any) any)),
	expr.Function(addName, func(args ...any) (any, error) {
		a, sum := args[0].(*allowance), plus(args[1], args[2])
		if text, ok := sum.(string); ok {
			return a.spend(text)
		}
		return sum, nil
	}, new(func(any, any, any) any)),
}

// call calls the function, unless that would make too much.
func (m maker) call(a *allowance, args []any) (any, error) {
	if fits := makers[string(m)]; fits != nil {
		if err := fits(a, args); err != nil {
			return nil, err
		}
	}
	f := builtin.Builtins[builtin.Index[string(m)]]
	switch {
	case f.Fast != nil:
		return f.Fast(args[0]), nil
	case f.Safe != nil:
		v, _, err := f.Safe(args...)
		return v, err
	}
	return f.Func(args...)
}
