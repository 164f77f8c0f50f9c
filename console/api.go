package console

import (
	"cmp"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"vertigo/engine"
	"vertigo/replay"
	"vertigo/rules"
)

// APIOptions are what an API needs beside what the recorder has seen.
type APIOptions struct {
	// Limits are those of the running bridge.
	Limits engine.Limits
	// Peers gives the transports as rules know them, which may say how these speak.
	Peers func(*rules.Set) []replay.Peer
	// Compile compiles the rules of the running bridge from the files that read
	// gives. Any goroutine may call it.
	Compile func(read func(name string) ([]byte, error)) (*rules.Set, rules.Findings)
}

// An API answers to what begins with /api/. Whoever serves it guards it, and
// refuses what pages of other origins ask: it lets everybody in.
type API struct {
	recorder *Recorder
	opts     APIOptions
	mux      *http.ServeMux
	explains explainer
	trying   chan struct{} // holds a value while rules are tried
}

// NewAPI returns an API that tells what recorder keeps.
func NewAPI(recorder *Recorder, o APIOptions) *API {
	a := &API{recorder: recorder, opts: o, mux: http.NewServeMux(), trying: make(chan struct{}, 1)}
	a.explains.one = make(chan struct{}, 1)
	a.mux.HandleFunc("GET /api/state", func(w http.ResponseWriter, _ *http.Request) { answer(w, recorder.state()) })
	a.mux.HandleFunc("GET /api/calls", a.calls)
	a.mux.HandleFunc("GET /api/calls/{id}", a.call)
	a.mux.HandleFunc("GET /api/calls/{id}/steps/{n}", a.detail)
	a.mux.HandleFunc("GET /api/rules", func(w http.ResponseWriter, _ *http.Request) { answer(w, RuleHits{recorder.ruleHits()}) })
	a.mux.HandleFunc("GET /api/rules/files", func(w http.ResponseWriter, _ *http.Request) { answer(w, recorder.files()) })
	a.mux.HandleFunc("POST /api/try", a.try)
	a.mux.HandleFunc("GET /api/events", a.events)
	return a
}

func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) { a.mux.ServeHTTP(w, r) }

// answer writes v as JSON. Characters that HTML has a meaning for are escaped, in
// case somebody takes it for a page.
func answer(w http.ResponseWriter, v any) {
	w.Header().Set("Content-Type", "application/json")
	_ = json.NewEncoder(w).Encode(v) // whoever asked may be gone
}

func (r *Recorder) state() State {
	now := time.Now().UTC()
	r.lock()
	defer r.mu.Unlock()
	r.look(now)
	s := State{
		Version: r.version, Begun: r.begun, Now: now,
		Rules: RulesState{
			Files: []string{}, Hash: r.rules.Hash, Loaded: r.rules.at, Count: len(r.rules.Ruleset.Rules),
			Reloads: r.reloads, Used: !r.refused, Findings: findingsOf(r.findings),
		},
		Transports: r.transportStates(),
		Calls:      CallsState{States: map[string]int{}},
	}
	for _, f := range r.rules.Files {
		s.Rules.Files = append(s.Rules.Files, f.Name)
	}
	for _, c := range r.calls {
		if c.connection {
			continue
		}
		s.Calls.Kept++
		if c.ended.IsZero() {
			s.Calls.Live++
			s.Calls.States[c.state]++
		}
	}
	return s
}

// transportStates is of the caller who holds mu.
func (r *Recorder) transportStates() []TransportState {
	list := []TransportState{}
	for _, t := range r.transports {
		list = append(list, TransportState{t.Name, t.Kind, t.up, t.since})
	}
	return list
}

func findingsOf(found rules.Findings) []Finding {
	list := []Finding{}
	for _, f := range withoutTables(found) {
		list = append(list, Finding{
			File: f.Pos.File, Line: f.Pos.Line, Column: f.Pos.Col, Severity: f.Severity.String(),
			Code: f.Code, Text: f.Msg, Hint: f.Hint, Source: f.Source,
		})
	}
	return list
}

// withoutTables gives findings that show no line of a table.
func withoutTables(found rules.Findings) rules.Findings {
	shown := slices.Clone(found)
	for i := range shown {
		if isTable(shown[i].Pos.File) {
			shown[i].Source = ""
		}
	}
	return shown
}

// formatted words findings as check does.
func formatted(found rules.Findings) string {
	var text strings.Builder
	_ = rules.Format(&text, withoutTables(found)) // a builder takes all
	return text.String()
}

func (r *Recorder) ruleHits() []RuleHit {
	r.lock()
	defer r.mu.Unlock()
	list := make([]RuleHit, 0, len(r.rules.Ruleset.Rules))
	for _, rule := range r.rules.Ruleset.Rules {
		one := RuleHit{Name: rule.Name, Place: rule.Pos, On: []string{}, In: rule.In}
		for _, on := range rule.On {
			one.On = append(one.On, on.Transport+" "+on.Type)
		}
		if h := r.hits[rule.Name]; h != nil {
			one.Hits, one.Last = h.count, time.Unix(0, h.last).UTC()
		}
		list = append(list, one)
	}
	return list
}

func (r *Recorder) files() Files {
	list, room := Files{Files: []File{}}, shownText
	for _, f := range r.followed().Files {
		switch {
		case isTable(f.Name):
		case len(f.Text) > room:
			list.LeftOut = append(list.LeftOut, f.Name)
		default:
			list.Files = append(list.Files, f)
			room -= len(f.Text)
		}
	}
	return list
}

// shownText is how much text is shown in all, so that it can be sent back.
const shownText = 512 << 10

// isTable says whether a file is the table of a rule file, by its name, as rules
// do. Nobody is shown what is in one: passwords of telephones, for example.
func isTable(name string) bool { return strings.HasSuffix(strings.ToLower(name), ".csv") }

// How many calls a page of the list has.
const (
	fewCalls  = 100
	mostCalls = 1000
)

func (a *API) calls(w http.ResponseWriter, r *http.Request) {
	before := ^uint64(0)
	if text := r.FormValue("before"); text != "" {
		n, err := strconv.ParseUint(text, 10, 64)
		if err != nil {
			http.Error(w, "before is what next was in an answer", http.StatusBadRequest)
			return
		}
		before = n
	}
	limit := fewCalls
	if text := r.FormValue("limit"); text != "" {
		n, err := strconv.Atoi(text)
		if err != nil || n < 1 {
			http.Error(w, "limit is how many calls are wanted", http.StatusBadRequest)
			return
		}
		limit = min(n, mostCalls)
	}
	state := r.FormValue("state")
	if !slices.Contains([]string{"", "live", "ended"}, state) {
		http.Error(w, "state is live or ended", http.StatusBadRequest)
		return
	}
	text := strings.ToLower(r.FormValue("q"))
	list := Calls{Calls: []Call{}}
	last := uint64(0)
	a.recorder.each(func(c *record) {
		if state != "" && c.ended.IsZero() != (state == "live") || !c.matches(text) {
			return
		}
		list.Total++
		switch {
		case c.order >= before:
		case len(list.Calls) < limit:
			list.Calls = append(list.Calls, c.view())
			last = c.order
		default:
			list.Next = strconv.FormatUint(last, 10)
		}
	})
	answer(w, list)
}

// callsAtOnce is how many calls are looked at before others may go on.
const callsAtOnce = 128

// each calls look with every call that is kept, from the newest to the oldest,
// while it holds mu. In between it lets go of mu now and then.
func (r *Recorder) each(look func(*record)) {
	below := ^uint64(0)
	for below > 1 {
		below = r.some(below, look)
	}
}

// some looks at the next calls that began before one; it returns where to go on.
func (r *Recorder) some(below uint64, look func(*record)) uint64 {
	r.lock()
	defer r.mu.Unlock()
	i, _ := slices.BinarySearchFunc(r.all, below, func(c *record, order uint64) int { return cmp.Compare(c.order, order) })
	for range callsAtOnce {
		if i == 0 {
			return 0
		}
		i--
		below = r.all[i].order
		if !r.all[i].forgotten {
			look(r.all[i])
		}
	}
	return below
}

func (a *API) call(w http.ResponseWriter, r *http.Request) {
	call, steps, dropped, ok := a.recorder.story(engine.CallID(r.PathValue("id")))
	if !ok {
		http.Error(w, "no such call is kept", http.StatusNotFound)
		return
	}
	s := Story{Call: call, Steps: make([]Step, len(steps)), Dropped: dropped}
	var tell teller
	for i := range steps {
		s.Steps[i] = tell.step(&steps[i])
	}
	answer(w, s)
}

func (r *Recorder) story(id engine.CallID) (call Call, steps []step, dropped int, ok bool) {
	r.lock()
	defer r.mu.Unlock()
	c := r.calls[id]
	if c == nil {
		return Call{}, nil, 0, false
	}
	return c.view(), slices.Clip(c.steps), c.dropped, true
}
