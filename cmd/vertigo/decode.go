package main

import (
	"errors"
	"fmt"
	"maps"
	"math"
	"os"
	"reflect"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/BurntSushi/toml"

	"vertigo/rules"
)

// A decoder fills structs with what a TOML text says, and reports each key that
// is unknown, each value of the wrong type and each reference that leads
// nowhere, with its place. It never shows a value: it may be a secret.
type decoder struct {
	source  *source
	resolve bool // look up env:NAME and file:PATH
	found   []rules.Finding
}

func (d *decoder) report(path []string, msg, hint string) {
	d.found = append(d.found, d.source.finding(path, msg, hint))
}

// faults gives all that was found, in the order of the text, as an error; nil for
// nothing.
func (d *decoder) faults() error {
	if len(d.found) == 0 {
		return nil
	}
	found := rules.Findings(d.found)
	found.Sort(d.source.file)
	return faults(found)
}

// parse reads the text; nil if it is no TOML.
func (d *decoder) parse(text []byte) map[string]any {
	var root map[string]any
	_, err := toml.Decode(string(text), &root)
	if err == nil {
		return root
	}
	f := rules.Finding{Pos: rules.Pos{File: d.source.file}, Msg: err.Error()}
	var at toml.ParseError
	if errors.As(err, &at) {
		f.Msg = withoutQuotes(at.Message)
		f.Pos.Line, f.Pos.Col = at.Position.Line, max(at.Position.Col, 1)
	}
	d.found = append(d.found, f)
	return nil
}

// quoted is what the TOML library quotes of the text: it may be a secret that
// somebody forgot to put in quotes.
var quoted = regexp.MustCompile(`"[^"]*"|'[^']*'`)

// withoutQuotes leaves out of a message of the TOML library what it shows of the
// text.
func withoutQuotes(msg string) string {
	if !quoted.MatchString(msg) {
		return msg
	}
	return "not TOML: " + quoted.ReplaceAllString(msg, "…") + " (text stands in quotes)"
}

// take removes a table from its parent, to be decoded by itself.
func (d *decoder) take(root map[string]any, key string) map[string]any {
	v, ok := root[key]
	delete(root, key)
	table, isTable := v.(map[string]any)
	if ok && !isTable {
		d.report([]string{key}, key+" is a table: ["+key+".NAME]", "")
	}
	return table
}

// table fills the struct that dst points to.
func (d *decoder) table(path []string, from map[string]any, dst any) {
	d.fields(path, from, reflect.ValueOf(dst).Elem())
}

func (d *decoder) fields(path []string, from map[string]any, dst reflect.Value) {
	fields := map[string]reflect.Value{}
	collectFields(dst, fields)
	for _, key := range slices.Sorted(maps.Keys(from)) {
		at := append(slices.Clone(path), key)
		field, ok := fields[key]
		if !ok {
			d.report(at, "unknown key "+strings.Join(at, "."), rules.DidYouMean(key, knownKeys(path, fields)))
			continue
		}
		d.value(at, from[key], field)
	}
}

// collectFields lists a struct's fields by their keys, those of embedded
// structs too.
func collectFields(v reflect.Value, into map[string]reflect.Value) {
	for i := range v.NumField() {
		field := v.Type().Field(i)
		key := field.Tag.Get("toml")
		switch {
		case field.Anonymous && key == "":
			collectFields(v.Field(i), into)
		case key != "" && key != "-":
			into[key] = v.Field(i)
		}
	}
}

func knownKeys(path []string, fields map[string]reflect.Value) []string {
	var keys []string
	for key := range fields {
		keys = append(keys, key)
	}
	if len(path) == 0 {
		keys = append(keys, "transport")
	}
	slices.Sort(keys)
	return keys
}

var durationType = reflect.TypeFor[time.Duration]()

func (d *decoder) value(path []string, v any, dst reflect.Value) {
	switch {
	case dst.Type() == durationType:
		d.duration(path, v, dst)
	case dst.Kind() == reflect.String:
		if text, ok := v.(string); ok {
			dst.SetString(d.text(path, text))
		} else {
			d.wrong(path, "text", v)
		}
	case dst.Kind() == reflect.Bool:
		if is, ok := v.(bool); ok {
			dst.SetBool(is)
		} else {
			d.wrong(path, "true or false", v)
		}
	case dst.CanInt():
		if n, ok := v.(int64); ok && n <= math.MaxInt32 || ok && dst.Type().Size() == 8 {
			dst.SetInt(n)
		} else {
			d.wrong(path, "a whole number", v)
		}
	case dst.Kind() == reflect.Slice:
		d.list(path, v, dst)
	case dst.Kind() == reflect.Map:
		d.named(path, v, dst)
	case dst.Kind() == reflect.Struct:
		if table, ok := v.(map[string]any); ok {
			d.fields(path, table, dst)
		} else {
			d.wrong(path, "a table", v)
		}
	default:
		panic("vertigo: a setting of type " + dst.Type().String())
	}
}

func (d *decoder) duration(path []string, v any, dst reflect.Value) {
	text, ok := v.(string)
	if !ok {
		d.wrong(path, `a time such as "10s"`, v)
		return
	}
	took, err := time.ParseDuration(d.text(path, text))
	if err != nil {
		d.report(path, strings.Join(path, ".")+` is not a time such as "10s" or "1m30s"`, "")
		return
	}
	dst.SetInt(int64(took))
}

func (d *decoder) list(path []string, v any, dst reflect.Value) {
	items := reflect.ValueOf(v)
	if items.Kind() != reflect.Slice {
		d.wrong(path, "a list", v)
		return
	}
	list := reflect.MakeSlice(dst.Type(), items.Len(), items.Len())
	for i := range items.Len() {
		d.value(append(slices.Clone(path), strconv.Itoa(i)), items.Index(i).Interface(), list.Index(i))
	}
	dst.Set(list)
}

// named fills a map of values by names that the user gives.
func (d *decoder) named(path []string, v any, dst reflect.Value) {
	table, ok := v.(map[string]any)
	if !ok {
		d.wrong(path, "a table", v)
		return
	}
	values := reflect.MakeMapWithSize(dst.Type(), len(table))
	for _, name := range slices.Sorted(maps.Keys(table)) {
		value := reflect.New(dst.Type().Elem()).Elem()
		d.value(append(slices.Clone(path), name), table[name], value)
		values.SetMapIndex(reflect.ValueOf(name), value)
	}
	dst.Set(values)
}

func (d *decoder) wrong(path []string, want string, v any) {
	d.report(path, fmt.Sprintf("%s must be %s, not %s", strings.Join(path, "."), want, tomlKind(v)), "")
}

func tomlKind(v any) string {
	switch v.(type) {
	case string:
		return "text"
	case bool:
		return "true or false"
	case int64:
		return "a whole number"
	case float64:
		return "a number"
	case time.Time:
		return "a date"
	case map[string]any:
		return "a table"
	default:
		return "a list"
	}
}

// text looks up what a value refers to: "env:NAME" an environment variable,
// "file:PATH" a file's text without its last line end, PATH relative to the
// configuration.
func (d *decoder) text(path []string, text string) string {
	if !d.resolve {
		return text
	}
	if name, ok := strings.CutPrefix(text, "env:"); ok {
		value, set := os.LookupEnv(name)
		if !set {
			d.report(path, fmt.Sprintf("%s: the environment variable %s is not set", strings.Join(path, "."), name), "")
		}
		return value
	}
	if name, ok := strings.CutPrefix(text, "file:"); ok {
		value, err := os.ReadFile(d.source.beside(name))
		if err != nil {
			d.report(path, fmt.Sprintf("%s: %v", strings.Join(path, "."), cannotRead(name, err)), "")
		}
		return strings.TrimRight(string(value), "\r\n")
	}
	return text
}
