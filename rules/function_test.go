package rules

import (
	"bytes"
	"encoding/json"
	"fmt"
	"math"
	"strings"
	"sync"
	"testing"
	"time"
	_ "time/tzdata" // as in the program

	"github.com/expr-lang/expr"
	"github.com/google/go-cmp/cmp"
)

// run evaluates an expression with the functions, as rules do.
func run(t *testing.T, text string, env map[string]any) (any, error) {
	t.Helper()
	options := []expr.Option{expr.Env(env)}
	for _, f := range Functions {
		options = append(options, expr.DisableBuiltin(f.Name), expr.Function(f.Name, f.Call, f.Types...))
	}
	program, err := expr.Compile(text, options...)
	if err != nil {
		return nil, err
	}
	return expr.Run(program, env)
}

// shown gives a result as a Function's Result tells it.
func shown(t *testing.T, v any) string {
	t.Helper()
	if d, ok := v.(time.Duration); ok {
		return d.String()
	}
	var b bytes.Buffer
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(v); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(b.String())
}

func TestExamplesOfFunctions(t *testing.T) {
	seen := make(map[string]bool)
	for _, f := range Functions {
		t.Run(f.Name, func(t *testing.T) {
			if seen[f.Name] {
				t.Error("stands twice in the list")
			}
			seen[f.Name] = true
			if f.Doc == "" || !strings.HasPrefix(f.Signature, f.Name+"(") || !strings.Contains(f.Example, f.Name+"(") {
				t.Errorf("not documented: %+v", f)
			}
			v, err := run(t, f.Example, map[string]any{})
			if err != nil {
				t.Fatal(err)
			}
			if got := shown(t, v); got != f.Result {
				t.Errorf("%s\ngives %s\nnot   %s", f.Example, got, f.Result)
			}
		})
	}
}

func TestFunctions(t *testing.T) {
	table := newTable(map[string]any{"49": "Germany", "4930": map[string]any{"city": "Berlin"}}, false)
	for _, tc := range []struct{ expr, want string }{
		{`localpart("@:x")`, `null`},
		{`localpart("alice:x")`, `null`},
		{`localpart("@alice")`, `null`},
		{`localpart("")`, `null`},
		{`localpart("#_phone_+4930:example.org:8448")`, `"_phone_+4930"`},
		{`server("@alice:example.org:8448")`, `"example.org:8448"`},
		{`server("@alice:")`, `null`},
		{`server("@alice:example.org") == "example.org"`, `true`},
		{`server("nonsense") == "example.org"`, `false`},
		{`localpart("nonsense") ?? "anonymous"`, `"anonymous"`},

		{`uuid5("ab", "c") == uuid5("a", "bc")`, `false`},
		{`uuid5("a") == uuid5("a")`, `true`},
		{`uuid5("a", "b") == uuid5("a2:b")`, `false`},

		{`e164("0221 470-0", "de")`, `"+492214700"`},
		{`e164("+49 (0)221 4700", "US")`, `"+492214700"`},
		{`e164("+442079460123", "")`, `"+442079460123"`},
		{`e164("0221 4700", "")`, `null`},
		{`e164("9196", "US")`, `null`},
		{`e164("112", "DE")`, `null`},
		{`e164("911", "US")`, `null`},
		{`e164("anonymous", "DE")`, `null`},
		{`e164("", "DE")`, `null`},
		{`e164(repeat("1", 100000), "DE")`, `null`},
		{`e164("x", "DE") == e164("y", "DE")`, `true`},

		{`phoneNumber("020 7123 4567", "GB")`, `"+442071234567"`},
		{`phoneNumber("0044 20 7123 4567", "GB")`, `"+442071234567"`},
		{`phoneNumber("(0)20 7123 4567", "gb")`, `"+442071234567"`},
		{`phoneNumber("+44 (0)20 7123 4567", "")`, `"+442071234567"`},
		{`phoneNumber("(+44) [20] 7123.45-67", "DE")`, `"+442071234567"`},
		{`phoneNumber("020/7123\u00a04567", "GB")`, `"+442071234567"`},
		{`phoneNumber("\u202a+44 20 7123\u20114567\u202c", "DE")`, `"+442071234567"`},
		{`phoneNumber("０２０７１２３４５６７", "GB")`, `"+442071234567"`},
		{`phoneNumber("٩١٩٦", "GB")`, `"9196"`},
		{`phoneNumber("३४५", "IN")`, `null`},
		{`phoneNumber("020 7123 4567", "DE")`, `"02071234567"`},
		{`phoneNumber("020 7123 4567", "")`, `"02071234567"`},
		{`phoneNumber("+39 06 698 1", "DE")`, `"+39066981"`},
		{`phoneNumber("112", "DE")`, `"112"`},
		{`phoneNumber("911", "US")`, `"911"`},
		{`phoneNumber("000", "AU")`, `"000"`},
		{`phoneNumber("0", "GB")`, `"0"`},
		{`phoneNumber("+44 (0)20 9", "GB")`, `"+440209"`},
		{`phoneNumber("*67 020 7123 4567", "GB")`, `"*6702071234567"`},
		{`phoneNumber("020 7123 4567#", "GB")`, `"02071234567#"`},
		{`phoneNumber("*", "GB")`, `"*"`},
		{`phoneNumber("+", "GB")`, `null`},
		{`phoneNumber("++44", "GB")`, `null`},
		{`phoneNumber("44+1", "GB")`, `null`},
		{`phoneNumber("", "GB")`, `null`},
		{`phoneNumber(" ()- ", "GB")`, `null`},
		{`phoneNumber("1-800-FLOWERS", "US")`, `null`},
		{`phoneNumber("020 7123 4567 x5", "GB")`, `null`},
		{`phoneNumber("020 7123 4567,5", "GB")`, `null`},
		{`phoneNumber("TEL:+44-20-7123-4567;ext=12", "DE")`, `"+442071234567"`},
		{`phoneNumber("tel:7042;phone-context=example.org", "GB")`, `"7042"`},
		{`phoneNumber(" sip:+442071234567;npdi@pbx.example.org;user=phone", "DE")`, `"+442071234567"`},
		{`phoneNumber("SIPS:020%207123%204567:secret@pbx", "GB")`, `"+442071234567"`},
		{`phoneNumber("sip:*98%23@pbx", "GB")`, `"*98#"`},
		{`phoneNumber("sip:9%@pbx", "GB")`, `null`},
		{`phoneNumber("sip:anna@pbx", "GB")`, `null`},
		{`phoneNumber("sip:192.0.2.1", "GB")`, `null`},
		{`phoneNumber("mailto:9196", "GB")`, `null`},
		{`phoneNumber(repeat("1", 64), "GB") == repeat("1", 64)`, `true`},
		{`phoneNumber(repeat("1", 65), "GB")`, `null`},
		{`phoneNumber("9196" + repeat(" ", 300), "GB")`, `null`},

		{`numberType("0906 123 4567", "GB")`, `"premium_rate"`},
		{`numberType("0800 1111", "GB")`, `"toll_free"`},
		{`numberType("+12025550123", "")`, `"fixed_line_or_mobile"`},
		{`numberType("+442079460123", "DE")`, `"fixed_line"`},
		{`numberType("0180 5 012345", "DE")`, `"shared_cost"`},
		{`numberType("056 1234 5678", "GB")`, `"voip"`},
		{`numberType("0700 12345678", "DE")`, `"personal"`},
		{`numberType("0164 1234567", "DE")`, `"pager"`},
		{`numberType("0345 123 4567", "GB")`, `"uan"`},
		{`numberType("anonymous", "GB")`, `"unknown"`},
		{`numberType("", "")`, `"unknown"`},
		{`numberType("112", "DE")`, `"unknown"`},

		{`formatNumber("+12025550123", "US")`, `"(202) 555-0123"`},
		{`formatNumber("+16042234567", "US")`, `"(604) 223-4567"`},
		{`formatNumber("+12025550123", "")`, `"+1 202-555-0123"`},
		{`formatNumber("020 7123 4567", "gb")`, `"020 7123 4567"`},
		{`formatNumber("Anna", "GB")`, `"Anna"`},
		{`formatNumber("", "GB")`, `""`},

		{`numberCountry("+12025550123")`, `"US"`},
		{`numberCountry("+16042234567")`, `"CA"`},
		{`numberCountry("020 7123 4567")`, `null`},
		{`numberCountry("+99912345")`, `null`},

		{`callingCode("us")`, `"+1"`},
		{`callingCode("")`, `null`},

		{`date("2026-01-01 12:00:00").In(timezone("America/New_York")).Hour()`, `7`},
		{`date("2026-01-01 12:00:00").In(timezone("UTC")).Hour()`, `12`},

		{`mxidEscape("")`, `""`},
		{`mxidEscape("a=b:C")`, `"a=3db=3a_c"`},
		{`urlEscape("")`, `""`},
		{`urlEscape("Aa0-._~ +/%:ä")`, `"Aa0-._~%20%2B%2F%25%3A%C3%A4"`},
		{`mxidUnescape("a=3db=3a_c")`, `"a=b:C"`},
		{`mxidUnescape("A")`, `null`},
		{`mxidUnescape("a_")`, `null`},
		{`mxidUnescape("a_1")`, `null`},
		{`mxidUnescape("a=4")`, `null`},
		{`mxidUnescape("a=zz")`, `null`},
		{`mxidUnescape("a=ff")`, `null`},
		{`mxidUnescape("a=3A")`, `null`},
		{`mxidUnescape("a=61")`, `null`},

		{`prefix(t, "493012")`, `{"city":"Berlin"}`},
		{`prefix(t, "493012").city`, `"Berlin"`},
		{`prefix(t, "1")`, `null`},
		{`prefix(m.area, "4912")`, `"Germany"`},
		{`prefix(m.area, "")`, `null`},
		{`prefix({}, "1") ?? "none"`, `"none"`},

		{`regex("(?P<a>x)|(?P<b>y)", "y")`, `{"0":"y","b":"y"}`},
		{`regex("(x)(?P<a>.)", "axé")`, `{"0":"xé","a":"é"}`},
		{`regex("x", "y")`, `null`},
		{`regex("x", "y") == nil`, `true`},
		{`regex("x", "y")?.a ?? "none"`, `"none"`},
		{`regex("^$", "")`, `{"0":""}`},

		{`duration(0, "ms")`, `0s`},
		{`duration(1.5, "h")`, `1h30m0s`},
		{`duration(m.lifetime, "ms")`, `1m0s`},
		{`duration(m.half, "s") < duration(1, "s")`, `true`},
		{`milliseconds(duration(61, "s"))`, `61000`},

		{`iceComplete("v=0\nm=audio 9 UDP/TLS/RTP/SAVPF 0", [], "quiet")`, `false`},
		{`iceComplete("v=0\nm=audio 9 UDP/TLS/RTP/SAVPF 0", [{"candidate": "", "sdpMLineIndex": 0}], "quiet")`, `true`},
	} {
		env := map[string]any{"t": table, "m": map[string]any{"area": map[string]any{"49": "Germany"}, "lifetime": 60000, "half": 0.5}}
		v, err := run(t, tc.expr, env)
		if err != nil {
			t.Errorf("%.80s: %v", tc.expr, err)
			continue
		}
		if got := shown(t, v); got != tc.want {
			t.Errorf("%.80s: %s, want %s", tc.expr, got, tc.want)
		}
	}
}

func TestItemsOfFunctionsAreAsDeclared(t *testing.T) {
	const offer = "v=0\nm=audio 9 UDP/TLS/RTP/SAVPF 0\na=mid:a\na=candidate:1 1 udp 1 192.0.2.1 5000 typ host\nm=video 0 RTP/AVP 96\na=recvonly\n"
	for _, f := range Functions {
		if f.Items == nil {
			continue
		}
		v, err := f.Call(offer)
		if err != nil {
			t.Fatal(err)
		}
		var items []any
		data, err := json.Marshal(v)
		if err == nil {
			err = json.Unmarshal(data, &items)
		}
		if err != nil || len(items) == 0 {
			t.Errorf("%s gives %s, %v", f.Name, data, err)
		}
		for _, item := range items {
			for _, fault := range f.Items.Check(item) {
				t.Errorf("%s: %v", f.Name, fault)
			}
		}
	}
}

func TestWrongArguments(t *testing.T) {
	for _, tc := range []struct {
		fn   string
		args []any
		want string
	}{
		{"localpart", []any{nil}, "localpart: argument 1 must be text, not nil"},
		{"localpart", nil, "localpart: takes 1 argument, not 0"},
		{"localpart", []any{7}, "localpart: argument 1 must be text, not a number"},
		{"server", []any{true}, "server: argument 1 must be text, not true or false"},
		{"sdpWithCandidates", []any{"v=0", nil}, "sdpWithCandidates: argument 2 must be a list, not nil"},
		{"sdpWithCandidates", []any{"v=0", map[string]any{}}, "sdpWithCandidates: argument 2 must be a list, not a table"},
		{"sdpWithCandidates", []any{"v=0"}, "sdpWithCandidates: takes 2 arguments, not 1"},
		{"sdpWithCandidates", []any{"hello", []any{}}, "sdpWithCandidates: not an SDP: it does not begin with v=0"},
		{"sdpUsable", []any{"v=0", time.Second}, "sdpUsable: argument 2 must be a list, not a duration"},
		{"iceComplete", []any{"v=0"}, "iceComplete: takes 2 or 3 arguments, not 1"},
		{"iceComplete", []any{"v=0", []any{}, nil}, "iceComplete: argument 3 must be text, not nil"},
		{"iceComplete", []any{nil, []any{}}, "iceComplete: argument 1 must be text, not nil"},
		{"iceComplete", []any{"v=0", []any{}, "fast"}, `iceComplete: unknown candidate policy "fast": use "first", "any", "relay" or "quiet"`},
		{"uuid5", nil, "uuid5: takes at least 1 argument"},
		{"uuid5", []any{"a", nil}, "uuid5: argument 2 must be text or a whole number, not nil"},
		{"uuid5", []any{1.5}, "uuid5: argument 1 must be text or a whole number, not a number"},
		{"e164", []any{"1", "Germany"}, `e164: argument 2 must be a country such as "DE", not "GERMANY"`},
		{"phoneNumber", []any{"1", "Germany"}, `phoneNumber: argument 2 must be a country such as "DE", not "GERMANY"`},
		{"phoneNumber", []any{"*1", "001"}, `phoneNumber: argument 2 must be a country such as "DE", not "001"`},
		{"phoneNumber", []any{nil, "DE"}, "phoneNumber: argument 1 must be text, not nil"},
		{"numberType", []any{"1", "XX"}, `numberType: argument 2 must be a country such as "DE", not "XX"`},
		{"formatNumber", []any{"1", "XX"}, `formatNumber: argument 2 must be a country such as "DE", not "XX"`},
		{"formatNumber", []any{1, "GB"}, "formatNumber: argument 1 must be text, not a number"},
		{"callingCode", []any{"XX"}, `callingCode: argument 1 must be a country such as "DE", not "XX"`},
		{"timezone", []any{"Local"}, `timezone: argument 1 must be a time zone such as "Europe/London", not "Local"`},
		{"timezone", []any{""}, `timezone: argument 1 must be a time zone such as "Europe/London", not ""`},
		{"timezone", []any{"../../etc/passwd"}, `timezone: argument 1 must be a time zone such as "Europe/London", not "../../etc/passwd"`},
		{"prefix", []any{"t", "1"}, "prefix: argument 1 must be a table, not text"},
		{"prefix", []any{nil, "1"}, "prefix: argument 1 must be a table, not nil"},
		{"prefix", []any{map[string]any{}, []any{}}, "prefix: argument 2 must be text, not a list"},
		{"regex", []any{"(", "x"}, "regex: the pattern \"(\" cannot be read: missing closing ): `(`"},
		{"regex", []any{strings.Repeat("x", 1001), "x"}, "regex: the pattern has more than 1000 bytes"},
		{"duration", []any{-1, "s"}, "duration: argument 1 must not be negative, and is -1"},
		{"duration", []any{-0.5, "s"}, "duration: argument 1 must not be negative, and is -0.5"},
		{"duration", []any{math.MaxInt64, "s"}, "duration: 9223372036854775807 s is too long"},
		{"duration", []any{1e300, "h"}, "duration: 1e+300 h is too long"},
		{"duration", []any{math.NaN(), "h"}, "duration: NaN h is too long"},
		{"duration", []any{1, "d"}, `duration: argument 2 must be "ms", "s", "m" or "h", not "d"`},
		{"duration", []any{nil, "s"}, "duration: argument 1 must be a number, not nil"},
		{"duration", []any{"1", "s"}, "duration: argument 1 must be a number, not text"},
		{"milliseconds", []any{5}, "milliseconds: argument 1 must be a duration, not a number"},
		{"milliseconds", []any{time.Time{}}, "milliseconds: argument 1 must be a duration, not a time"},
		{"redact", []any{struct{}{}}, "redact: argument 1 must be text, not something else"},
	} {
		v, err := function(t, tc.fn).Call(tc.args...)
		if err == nil || v != nil || err.Error() != tc.want {
			t.Errorf("%s(%v): %v, %v, want %s", tc.fn, tc.args, v, err, tc.want)
		}
	}
}

// function finds a function by its name.
func function(t *testing.T, name string) Function {
	t.Helper()
	for _, f := range Functions {
		if f.Name == name {
			return f
		}
	}
	t.Fatalf("no function %s", name)
	return Function{}
}

func TestAnyArgumentsNeverPanic(t *testing.T) {
	values := []any{nil, "", "v=0\nm=audio 9 X 0", -1, 1 << 40, 2.5, true, []any{nil, "x", map[string]any{"candidate": 7}}, map[string]any{}, newTable(nil, true), time.Second, time.Time{}, struct{}{}}
	for _, f := range Functions {
		for _, a := range values {
			for _, b := range values {
				for n, args := range [][]any{{}, {a}, {a, b}, {a, b, b}, {a, b, a, b}} {
					if _, err := f.Call(args...); err != nil && !strings.HasPrefix(err.Error(), f.Name+": ") {
						t.Errorf("%s of %d: the error does not say which function: %v", f.Name, n, err)
					}
				}
			}
		}
	}
}

func TestWhatIsKnownToBeWrongIsRefusedAtLoad(t *testing.T) {
	env := map[string]any{"call": map[string]any{"n": 1}}
	for _, text := range []string{`localpart(5)`, `sdpHold()`, `localpart("a") + nosuch("b")`, `sdpHold("v=0") + 1`, `duration("5", "s")`, `prefix("x", "1")`, `iceComplete("v=0", "x")`, `localpart(nil)`} {
		if _, err := run(t, text, env); err == nil || strings.Contains(err.Error(), "must be") {
			t.Errorf("%s: %v", text, err)
		}
	}
	if _, err := run(t, `localpart(call.n)`, env); err == nil || !strings.Contains(err.Error(), "localpart: argument 1 must be text, not a number") {
		t.Errorf("a field of unknown type is to be checked when it runs: %v", err)
	}
}

func TestMxidEscapeIsUndone(t *testing.T) {
	for _, text := range []string{"", "alice", "Alice_Doe", "__", "+49 30/1", "日本", "a=b", "\x00", strings.Repeat("Z", 300)} {
		escaped := mxidEscape(text)
		back, err := mxidUnescape(escaped)
		if err != nil || back != text {
			t.Errorf("%q became %q, then %v (%v)", text, escaped, back, err)
		}
	}
}

func TestTextCacheIsBoundedAndShared(t *testing.T) {
	var wg sync.WaitGroup
	for g := range 4 {
		wg.Go(func() {
			for i := range 2 * maxCached {
				text := fmt.Sprint(g%2, "-", i)
				v, err := matchRegex("^(?P<all>"+text+")$", text)
				if want := map[string]any{"0": text, "all": text}; err != nil || !cmp.Equal(v, any(want)) {
					t.Errorf("%s: %v, %v", text, v, err)
				}
			}
		})
	}
	wg.Wait()
	if n := len(patterns.made); n > maxCached {
		t.Errorf("%d patterns are kept", n)
	}
}
