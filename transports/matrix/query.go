package matrix

import (
	"context"
	"encoding/json"
	"strconv"
	"sync"
	"time"
)

// A query is a question of the homeserver that waits for a [QueryReply].
type query struct {
	user   string // the only one who can be the answer; "" if anybody can
	alias  string // what the room of the answer is to be called; "" for no room
	answer chan answer
}

// An answer to a query. as is the user found, "" for nobody.
type answer struct {
	as     string
	fields json.RawMessage // a JSON object
}

// give answers q, unless that was done.
func (q *query) give(a answer) {
	select {
	case q.answer <- a:
	default:
	}
}

// queryLimit is how many queries wait at once. Beyond that nobody is found.
const queryLimit = 1024

// queries are those that wait.
type queries struct {
	mu   sync.Mutex
	last int
	open map[string]*query
}

func newQueries() *queries {
	return &queries{open: make(map[string]*query)}
}

// add gives q an id; "" means that too many wait.
func (qs *queries) add(q *query) string {
	qs.mu.Lock()
	defer qs.mu.Unlock()
	if len(qs.open) >= queryLimit {
		return ""
	}
	qs.last++
	id := "q" + strconv.Itoa(qs.last)
	q.answer = make(chan answer, 1)
	qs.open[id] = q
	return id
}

func (qs *queries) get(id string) *query {
	qs.mu.Lock()
	defer qs.mu.Unlock()
	return qs.open[id]
}

func (qs *queries) remove(id string) {
	qs.mu.Lock()
	defer qs.mu.Unlock()
	delete(qs.open, id)
}

// ask puts a query of that type to the rules and waits for the answer: nobody,
// if there is none in time. head is what the message says beside its id.
func (c *Client) ask(ctx context.Context, typ string, q *query, head func(line []byte) []byte) answer {
	id := c.queries.add(q)
	if id == "" {
		c.log.Warn("too many queries wait for an answer: nobody is found", "type", typ)
		return answer{}
	}
	defer c.queries.remove(id)
	c.inbox.put(append(head(appendField([]byte(`{"type":"`+typ+`"`), "query", id)), '}'))
	late := time.NewTimer(c.times.query)
	defer late.Stop()
	select {
	case a := <-q.answer:
		return a
	case <-late.C:
		c.log.Warn("no rule answered a query in time: nobody is found", "type", typ, "query", id)
	case <-ctx.Done():
	}
	return answer{}
}
