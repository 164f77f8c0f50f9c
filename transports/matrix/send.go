package matrix

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"maunium.net/go/mautrix"

	"vertigo/engine"
)

// carryOut sends one event, or accepts or leaves a room, and reports what came
// of it. It waits and tries again, so what follows in the same room waits too,
// until the homeserver says yes or no or the time for it is over. The
// transaction id stays the same, so a second try of what had arrived after all
// gives the same event.
func (c *Client) carryOut(ctx context.Context, j job) {
	deadline := j.since.Add(c.cfg.SendTimeout)
	var f failure
	for try := 1; ; try++ {
		if !time.Now().Before(deadline) {
			f.text = "waited too long behind others to be sent"
			break
		}
		if try == 1 {
			c.tap.call(now(), "out", c.codec.Frame(j.Action))
		}
		eventID, err := c.attempt(ctx, j.Action, deadline)
		if err == nil {
			c.inbox.put(okReply(j.Action, eventID))
			return
		}
		if f = failureOf(err); !f.retry {
			break
		}
		pause := max(f.after, c.times.resend.pause(try))
		c.log.Debug("not sent yet", "type", j.Type, "room_id", j.Address["room"], "err", f, "retry_in", pause)
		if time.Now().Add(pause).After(deadline) {
			f.text = fmt.Sprintf("not sent within %s: %s", c.cfg.SendTimeout, f.text)
			break
		}
		if !sleep(ctx, pause) {
			f.text = "not sent before the end: " + f.text
			break
		}
	}
	c.inbox.put(errorReply(j.Action, f))
}

// attempt makes the request for a once, as soon as there is a session. A join
// may have to wait for other servers, so it gets all the time there is.
func (c *Client) attempt(ctx context.Context, a engine.Action, deadline time.Time) (eventID string, err error) {
	ctx, cancel := context.WithDeadline(ctx, deadline)
	defer cancel()
	cli, err := c.session.wait(ctx)
	if err != nil {
		return "", failure{text: err.Error(), retry: true}
	}
	room := a.Address["room"]
	switch a.Type {
	case RoomJoin:
		_, err = c.request(ctx, cli, http.MethodPost, cli.BuildClientURL("v3", "rooms", room, "join"), content(a))
		return "", err
	case RoomLeave:
		_, err = c.request(ctx, cli, http.MethodPost, cli.BuildClientURL("v3", "rooms", room, "leave"), content(a))
		return "", err
	}
	ctx, cancel = context.WithTimeout(ctx, c.times.request)
	defer cancel()
	reply, err := c.request(ctx, cli, http.MethodPut, cli.BuildClientURL("v3", "rooms", room, "send", a.Type, a.ID), content(a))
	if err != nil {
		return "", err
	}
	return readReply(reply, "event_id")
}

// request makes one request, once: the caller decides about another try, since
// only it knows what must keep its order. body goes out as it is; nil is none.
func (c *Client) request(ctx context.Context, cli *mautrix.Client, method, url string, body []byte) ([]byte, error) {
	r := mautrix.FullRequest{Method: method, URL: url, MaxAttempts: 1, ResponseSizeLimit: maxResponse}
	if body != nil {
		r.RequestBytes = body
		r.Headers = http.Header{"Content-Type": {"application/json"}}
	}
	return cli.MakeFullRequest(ctx, r)
}
