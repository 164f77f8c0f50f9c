package replay

import (
	"fmt"
	"slices"
	"strings"

	"github.com/tidwall/gjson"
)

// Expect compares what the engine sent with what the capture itself did, and
// says what is not the same: bodies as JSON, ids apart. What was sent after the
// capture's end is not looked at: nobody knows what would have followed. Nor is
// what is sent to a transport that the capture has no line of: it was not there,
// or was not captured.
func (r *Result) Expect() []string {
	var found []string
	for _, s := range r.Sent {
		if s.Afterwards || !r.named[s.To] {
			continue
		}
		if s.Like == nil {
			found = append(found, fmt.Sprintf("%s: the rules send %s to %s (%s), the capture does not", s.Place, s.Type, s.To, s.Rule))
			continue
		}
		differ := r.against(s)
		if len(differ) > 0 {
			found = append(found, block(fmt.Sprintf("%s: %s to %s differs (%s)", s.Like.Place(), s.Type, s.To, s.Rule), differ))
		}
	}
	for _, l := range r.Missing {
		typ := gjson.GetBytes(l.Message(), r.peers[l.Transport].Shape.Type)
		found = append(found, fmt.Sprintf("%s: the capture sends %s to %s, the rules do not", l.Place(), typ, l.Transport))
	}
	return found
}

// against compares an action with the capture's line that it stands for.
func (r *Result) against(s Sent) []string {
	return r.ids[s.To].diff(r.peers[s.To].Shape.Body, s.Like.Message(), s.Frame)
}

// diff compares the bodies of the capture's own message, theirs, and of ours.
func (n *names) diff(body string, theirs, ours []byte) []string {
	return diff(body, bodyOf(n.rewrite(theirs), body), bodyOf(ours, body))
}

func bodyOf(data []byte, path string) []byte {
	if v := gjson.GetBytes(data, path); v.Exists() {
		return []byte(v.Raw)
	}
	return []byte("null")
}

func block(head string, rest []string) string {
	return head + "\n    " + strings.Join(rest, "\n    ")
}

// Compare says what is sent differently by other rules in a replay of the same
// capture: what was changed, what was removed, what was added, in the order of
// the replay.
func Compare(old, now *Result) []string {
	type sameKey struct{ to, typ, call string }
	left := map[sameKey][]Sent{}
	for _, s := range old.Sent {
		k := sameKey{s.To, s.Type, string(s.Call)}
		left[k] = append(left[k], s)
	}
	type entry struct {
		sent Sent
		text string
	}
	var found []entry
	for _, s := range now.Sent {
		k := sameKey{s.To, s.Type, string(s.Call)}
		if len(left[k]) == 0 {
			found = append(found, entry{s, fmt.Sprintf("%s: + %s to %s (%s)", s.Place, s.Type, s.To, s.Rule)})
			continue
		}
		was := left[k][0]
		left[k] = left[k][1:]
		if text := now.changed(was, s); text != "" {
			found = append(found, entry{s, text})
		}
	}
	for _, s := range old.Sent {
		k := sameKey{s.To, s.Type, string(s.Call)}
		if list := left[k]; len(list) > 0 && list[0].ID == s.ID {
			left[k] = list[1:]
			found = append(found, entry{s, fmt.Sprintf("%s: - %s to %s (%s)", s.Place, s.Type, s.To, s.Rule)})
		}
	}
	slices.SortStableFunc(found, func(a, b entry) int { return a.sent.At.Compare(b.sent.At) })
	texts := make([]string, len(found))
	for i, f := range found {
		texts[i] = f.text
	}
	return texts
}

// changed says how one action became another one; "" if it did not.
func (r *Result) changed(was, is Sent) string {
	var how []string
	if was.Place != is.Place {
		how = append(how, fmt.Sprintf("sent for %s instead of %s", is.Place, was.Place))
	} else if !was.At.Equal(is.At) {
		how = append(how, fmt.Sprintf("sent %s later", is.At.Sub(was.At)))
	}
	for _, name := range addressKeys(was, is) {
		if a, b := was.Address[name], is.Address[name]; a != b {
			how = append(how, fmt.Sprintf("%s: -%s +%s", name, show(a), show(b)))
		}
	}
	body := r.peers[is.To].Shape.Body
	how = append(how, diff(body, bodyOf(was.Frame, body), bodyOf(is.Frame, body))...)
	if len(how) == 0 {
		return ""
	}
	rule := is.Rule
	if was.Rule != is.Rule {
		rule = was.Rule + " → " + is.Rule
	}
	return block(fmt.Sprintf("%s: ~ %s to %s (%s)", is.Place, is.Type, is.To, rule), how)
}

func addressKeys(a, b Sent) []string {
	var keys []string
	for _, m := range []map[string]string{a.Address, b.Address} {
		for k := range m {
			if !slices.Contains(keys, k) {
				keys = append(keys, k)
			}
		}
	}
	slices.Sort(keys)
	return keys
}
