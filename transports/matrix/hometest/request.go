package hometest

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"testing"

	"github.com/tidwall/gjson"
)

// An Error is what the homeserver says when it refuses a request.
type Error struct {
	Request string // method and path
	Status  int
	Code    string // errcode
	Body    string
}

func (e *Error) Error() string {
	return fmt.Sprintf("%s: HTTP %d %s", e.Request, e.Status, e.Body)
}

// Client makes requests with that token alone, "" for none: whose it is is for
// the homeserver to say.
func (s *Server) Client(token string) *User { return &User{Token: token, server: s} }

// must makes a request that has to succeed.
func (u *User) must(t testing.TB, method, path string, body any) gjson.Result {
	t.Helper()
	res, err := u.Do(t.Context(), method, path, body)
	if err != nil {
		t.Fatal(err)
	}
	return res
}

// Do makes any request and returns the answer, or an [*Error] if it is not 200.
func (u *User) Do(ctx context.Context, method, path string, body any) (gjson.Result, error) {
	var sent io.Reader
	if body != nil {
		data, err := json.Marshal(body)
		if raw, ok := body.(json.RawMessage); ok {
			data, err = raw, nil
		}
		if err != nil {
			return gjson.Result{}, err
		}
		sent = bytes.NewReader(data)
	}
	req, err := http.NewRequestWithContext(ctx, method, u.server.URL+path, sent)
	if err != nil {
		return gjson.Result{}, err
	}
	if u.masked {
		query := req.URL.Query()
		query.Set("user_id", u.ID)
		req.URL.RawQuery = query.Encode()
	}
	if u.Token != "" {
		req.Header.Set("Authorization", "Bearer "+u.Token)
	}
	resp, err := u.server.http.Do(req)
	if err != nil {
		return gjson.Result{}, err
	}
	defer resp.Body.Close()
	data, err := io.ReadAll(resp.Body)
	if err != nil {
		return gjson.Result{}, err
	}
	if resp.StatusCode != http.StatusOK {
		return gjson.Result{}, &Error{
			Request: method + " " + path, Status: resp.StatusCode,
			Code: gjson.GetBytes(data, "errcode").String(), Body: string(data),
		}
	}
	return gjson.ParseBytes(data), nil
}

// roomPath is the path of a request about room.
func roomPath(room string, parts ...string) string {
	path := "/_matrix/client/v3/rooms/" + url.PathEscape(room)
	for _, p := range parts {
		path += "/" + url.PathEscape(p)
	}
	return path
}
