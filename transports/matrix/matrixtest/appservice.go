package matrixtest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"
)

// A service is an application service at work.
type service struct {
	Registration
	user                  string // its own
	users, aliases, rooms namespaces
	queue                 []*event // to be sent
	last                  int      // transaction
}

func newService(r Registration) (*service, error) {
	v := &service{Registration: r}
	if r.ID == "" || r.ASToken == "" || !localpart.MatchString(r.SenderLocalpart) {
		return nil, fmt.Errorf("registration %q: id, as_token and sender_localpart are needed", r.ID)
	}
	for _, kind := range []struct {
		list []Namespace
		into *namespaces
	}{{r.Namespaces.Users, &v.users}, {r.Namespaces.Aliases, &v.aliases}, {r.Namespaces.Rooms, &v.rooms}} {
		var err error
		if *kind.into, err = compile(kind.list); err != nil {
			return nil, fmt.Errorf("registration %s: %w", r.ID, err)
		}
	}
	return v, nil
}

// owns tells whether a user is one of the application service's.
func (v *service) owns(id string) bool {
	in, _ := v.users.has(id)
	return in || id == v.user
}

// wants tells whether an event is sent to it: one of its users sent it, is what
// it is about, or is in the room; or room or alias are in its namespaces.
func (v *service) wants(r *room, e *event) bool {
	if v.URL == "" {
		return false
	}
	if v.owns(e.Sender) || e.Type == "m.room.member" && e.StateKey != nil && v.owns(*e.StateKey) {
		return true
	}
	if in, _ := v.rooms.has(r.id); in {
		return true
	}
	for _, alias := range r.aliases {
		if in, _ := v.aliases.has(alias); in {
			return true
		}
	}
	for id, membership := range r.members {
		if membership == "join" && v.owns(id) {
			return true
		}
	}
	return false
}

// appPath is where application services answer.
const appPath = "/_matrix/app/v1"

// A refused error is an answer of an application service that is not 200.
type refused struct {
	status int
	body   []byte
}

func (r *refused) Error() string { return fmt.Sprintf("HTTP %d %s", r.status, r.body) }

// ask makes one request of an application service. body is JSON, nil for none.
func (s *Server) ask(ctx context.Context, v *service, method, path string, query url.Values, body []byte) ([]byte, error) {
	if v.URL == "" {
		return nil, fmt.Errorf("registration %s has no url", v.ID)
	}
	address := v.URL + appPath + path
	if len(query) > 0 {
		address += "?" + query.Encode()
	}
	req, err := http.NewRequestWithContext(ctx, method, address, bytes.NewReader(body))
	if err != nil {
		return nil, err
	}
	req.Header.Set("Authorization", "Bearer "+v.HSToken)
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	resp, err := s.client.Do(req)
	if err != nil {
		return nil, err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(io.LimitReader(resp.Body, maxBody))
	if err != nil {
		return nil, err
	}
	if resp.StatusCode != http.StatusOK {
		return nil, &refused{resp.StatusCode, data}
	}
	return data, nil
}

// ping lets an application service find out whether it is reached (Application
// Service API, "Pinging").
func (x *exchange) ping() (any, error) {
	v := x.service
	if v == nil || v.ID != x.path("service") {
		return nil, forbidden("only %s asks that", x.path("service"))
	}
	if v.URL == "" {
		return nil, bad("M_URL_NOT_SET", "registration %s has no url", v.ID)
	}
	var body struct {
		Txn *string `json:"transaction_id,omitempty"`
	}
	if err := x.read(&body); err != nil {
		return nil, err
	}
	began := time.Now()
	_, err := x.ask(x.req.Context(), v, http.MethodPost, "/ping", nil, encode(body))
	if err == nil {
		return map[string]int64{"duration_ms": time.Since(began).Milliseconds()}, nil
	}
	e := &Error{Status: http.StatusBadGateway, Code: "M_CONNECTION_FAILED", Text: err.Error()}
	switch err := err.(type) {
	case *refused:
		e.Code = "M_BAD_STATUS"
	case interface{ Timeout() bool }:
		if err.Timeout() {
			e.Status, e.Code = http.StatusGatewayTimeout, "M_CONNECTION_TIMEOUT"
		}
	}
	return nil, e
}

// queryUsers asks for users that an event is about and that are not there yet;
// the application service may make them then.
func (s *Server) queryUsers(ctx context.Context, v *service, events []*event) {
	for _, e := range events {
		if e.Type != "m.room.member" || e.StateKey == nil {
			continue
		}
		id := *e.StateKey
		s.mu.Lock()
		known := s.users[id] != nil
		s.mu.Unlock()
		if in, _ := v.users.has(id); known || !in {
			continue
		}
		if _, err := s.ask(ctx, v, http.MethodGet, "/users/"+url.PathEscape(id), nil, nil); err != nil {
			s.log.Debug("an application service knows no user", "service", v.ID, "user", id, "err", err)
		}
	}
}
