package console

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"strings"
	"time"

	"vertigo/replay"
)

// What bounds a trial of edited rules.
const (
	tryWithin       = 15 * time.Second
	tryBody         = 1 << 20
	triedCalls      = 500 // the last ones
	mostDifferences = 500
)

// try compiles edited rules beside those that are followed, and lets both go
// through the messages of the last calls. Nothing is sent, and nothing changes.
func (a *API) try(w http.ResponseWriter, r *http.Request) {
	if kind, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || kind != "application/json" {
		http.Error(w, "JSON is wanted", http.StatusUnsupportedMediaType)
		return
	}
	var edited Files
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, tryBody)).Decode(&edited); err != nil {
		var long *http.MaxBytesError
		if errors.As(err, &long) {
			http.Error(w, "the files are too long to be tried here: 1 MiB in all", http.StatusRequestEntityTooLarge)
			return
		}
		http.Error(w, `{"files":[{"name":…,"text":…}]} is wanted`, http.StatusBadRequest)
		return
	}
	select {
	case a.trying <- struct{}{}:
		defer func() { <-a.trying }()
	default:
		http.Error(w, "other rules are being tried at the moment", http.StatusConflict)
		return
	}
	ctx, cancel := context.WithTimeout(r.Context(), tryWithin)
	defer cancel()
	tried, err := a.tried(ctx, edited.Files)
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		http.Error(w, fmt.Sprintf("the rules took longer than %v", tryWithin), http.StatusUnprocessableEntity)
	case err != nil:
		http.Error(w, err.Error(), http.StatusUnprocessableEntity)
	default:
		answer(w, tried)
	}
}

func (a *API) tried(ctx context.Context, edited []File) (*Tried, error) {
	followed := a.recorder.followed()
	set, found := a.opts.Compile(reading(edited, followed.Files))
	t := &Tried{Findings: findingsOf(found), Differences: []Difference{}}
	if set == nil {
		return t, nil
	}
	past := a.recorder.past(triedCalls)
	t.Calls, t.Messages, t.Whole = past.calls, len(past.list), past.whole(past.begun)
	m := replay.Messages{Batches: replayed(past.list), Until: time.Now(), Limits: a.opts.Limits}
	was, err := m.Play(ctx, followed.Ruleset, a.opts.Peers(followed.Set))
	if err != nil {
		return nil, fmt.Errorf("the rules that are followed: %w", err)
	}
	is, err := m.Play(ctx, set.Ruleset, a.opts.Peers(set))
	if err != nil {
		return nil, fmt.Errorf("the edited rules: %w", err)
	}
	for _, d := range replay.Compare(was, is) {
		if len(t.Differences) == mostDifferences {
			t.Cut = true
			break
		}
		t.Differences = append(t.Differences, Difference{
			Call: string(d.Call), Text: strings.ReplaceAll(d.Text(), ofCall(d.Call), ""), What: string(d.What),
			Type: d.Type, To: d.To, Rule: d.Rule, OldRule: d.OldRule,
		})
	}
	return t, nil
}

// reading reads edited files, and of others those alone that the rules that are
// followed have read: who may look at a console may not look at all files.
func reading(edited, others []File) func(name string) ([]byte, error) {
	return func(name string) ([]byte, error) {
		for _, list := range [][]File{edited, others} {
			for _, f := range list {
				if f.Name == name {
					return []byte(f.Text), nil
				}
			}
		}
		return nil, errNotRead
	}
}

var errNotRead = errors.New("a trial reads no file that the running bridge has not read")

// replayed readies messages to be gone through once more.
func replayed(past []given) []replay.Batch {
	var list []replay.Batch
	for _, b := range batches(past) {
		one := replay.Batch{At: b.At, Messages: b.messages}
		for _, g := range b.list {
			one.Places = append(one.Places, g.place())
		}
		list = append(list, one)
	}
	return list
}

// followed are the rules that calls begin with.
func (r *Recorder) followed() Rules {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.rules.Rules
}
