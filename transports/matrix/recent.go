package matrix

// recent remembers the last entries, up to a limit: older ones make room.
type recent[V any] struct {
	limit int
	known map[string]V
	order []string // oldest first, from position first
	first int
}

func newRecent[V any](limit int) recent[V] {
	return recent[V]{limit: limit, known: make(map[string]V)}
}

func (r *recent[V]) add(key string, v V) {
	if _, ok := r.known[key]; ok {
		r.known[key] = v
		return
	}
	if len(r.order) < r.limit {
		r.order = append(r.order, key)
	} else {
		delete(r.known, r.order[r.first])
		r.order[r.first] = key
		r.first = (r.first + 1) % r.limit
	}
	r.known[key] = v
}

func (r *recent[V]) has(key string) bool {
	_, ok := r.known[key]
	return ok
}

// keys are what is remembered, oldest first.
func (r *recent[V]) keys() []string {
	return append(append([]string(nil), r.order[r.first:]...), r.order[:r.first]...)
}
