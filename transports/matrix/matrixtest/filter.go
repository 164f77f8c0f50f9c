package matrixtest

import (
	"encoding/json"
	"slices"
	"strconv"
	"strings"
)

// A filter is what a client wants of /sync (Client-Server API, "Filtering").
// What it says of presence, ephemeral events and fields is passed over: there
// are none, and all fields are given.
type filter struct {
	AccountData eventFilter `json:"account_data"`
	Room        struct {
		Rooms        []string    `json:"rooms"`
		NotRooms     []string    `json:"not_rooms"`
		IncludeLeave bool        `json:"include_leave"`
		AccountData  eventFilter `json:"account_data"`
		State        eventFilter `json:"state"`
		Timeline     eventFilter `json:"timeline"`
	} `json:"room"`

	raw json.RawMessage // as it came
}

// An eventFilter chooses events.
type eventFilter struct {
	Types      []string `json:"types"` // nil: all
	NotTypes   []string `json:"not_types"`
	Senders    []string `json:"senders"`
	NotSenders []string `json:"not_senders"`
	Limit      int      `json:"limit"`
	Lazy       bool     `json:"lazy_load_members"`
}

func (f eventFilter) passes(e *event) bool {
	return f.takes(e.Type) &&
		(f.Senders == nil || slices.Contains(f.Senders, e.Sender)) && !slices.Contains(f.NotSenders, e.Sender)
}

func (f eventFilter) takes(typ string) bool {
	is := func(pattern string) bool { return glob(pattern, typ) }
	return (f.Types == nil || slices.ContainsFunc(f.Types, is)) && !slices.ContainsFunc(f.NotTypes, is)
}

// glob matches text with a pattern in which * stands for anything.
func glob(pattern, text string) bool {
	first, rest, more := strings.Cut(pattern, "*")
	if !more {
		return pattern == text
	}
	if !strings.HasPrefix(text, first) {
		return false
	}
	for text = text[len(first):]; ; text = text[1:] {
		if glob(rest, text) {
			return true
		}
		if text == "" {
			return false
		}
	}
}

func (f filter) takesRoom(id string) bool {
	return (f.Room.Rooms == nil || slices.Contains(f.Room.Rooms, id)) && !slices.Contains(f.Room.NotRooms, id)
}

// defaultLimit is how many events of a room a /sync has that names no limit.
const defaultLimit = 10

func parseFilter(text []byte) (filter, error) {
	var f filter
	if err := json.Unmarshal(text, &f); err != nil {
		return f, bad("M_BAD_JSON", "filter: %v", err)
	}
	if f.Room.Timeline.Limit <= 0 {
		f.Room.Timeline.Limit = defaultLimit
	}
	f.raw = text
	return f, nil
}

// chosenFilter is the one that a /sync names or holds.
func (x *exchange) chosenFilter() (filter, error) {
	text := x.query.Get("filter")
	switch {
	case text == "":
		return parseFilter([]byte("{}"))
	case strings.HasPrefix(text, "{"):
		return parseFilter([]byte(text))
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	return x.filterNamed(text)
}

func (x *exchange) filterNamed(id string) (filter, error) {
	n, err := strconv.Atoi(id)
	if err != nil || n < 0 || n >= len(x.filters) {
		return filter{}, notFound("no filter %q", id)
	}
	return x.filters[n], nil
}

func (x *exchange) addFilter() (any, error) {
	if err := x.isSelf(); err != nil {
		return nil, err
	}
	f, err := parseFilter(x.body)
	if err != nil {
		return nil, err
	}
	x.filters = append(x.filters, f)
	return map[string]string{"filter_id": strconv.Itoa(len(x.filters) - 1)}, nil
}

func (x *exchange) filter() (any, error) {
	if err := x.isSelf(); err != nil {
		return nil, err
	}
	f, err := x.filterNamed(x.path("filter"))
	return f.raw, err
}
