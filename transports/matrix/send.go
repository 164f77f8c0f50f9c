package matrix

import (
	"context"
	"fmt"
	"net/http"
	"time"

	"github.com/tidwall/gjson"
	"maunium.net/go/mautrix"
)

// carryOut does what one action says and reports what came of it. It waits and
// tries again, so what follows in the same lane waits too, until the homeserver
// says yes or no or the time for it is over. The transaction id stays the same,
// so a second try of what had arrived after all gives the same event.
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
		} else {
			c.retried.Add(1)
		}
		out, err := c.attempt(ctx, j.Action, deadline)
		if err == nil {
			c.report(okReply(j.Action, out), out.after)
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
	c.report(errorReply(j.Action, f), 0)
}

// report delivers a reply, not before the batch of that number, if that is not 0.
func (c *Client) report(line []byte, after uint64) {
	if after != 0 {
		c.feed.putAfter(after, line)
		return
	}
	c.inbox.put(line)
}

// request makes one request, once: the caller decides about another try, since
// only it knows what must keep its order. body goes out as it is; nil is none.
func (c *Client) request(ctx context.Context, cli *mautrix.Client, method, url string, body []byte) ([]byte, error) {
	r := mautrix.FullRequest{Method: method, URL: url, MaxAttempts: 1, ResponseSizeLimit: maxResponse}
	if body != nil {
		r.RequestBytes = body
		r.Headers = http.Header{"Content-Type": {"application/json"}}
	}
	began := time.Now()
	reply, resp, err := cli.MakeFullRequestWithResp(ctx, r)
	if resp != nil {
		c.clock.read(resp.Header, began, time.Now(), c.log)
	}
	return reply, err
}

// getTries is how often what is not worth a failure is asked for.
const getTries = 3

// getPatiently asks for what is not an action of its own, up to [getTries] times.
func (c *Client) getPatiently(ctx context.Context, cli *mautrix.Client, url string) (gjson.Result, error) {
	for try := 1; ; try++ {
		body, err := c.get(ctx, cli, url)
		if err == nil {
			return body, nil
		}
		f := failureOf(err)
		if !f.retry || try == getTries || !sleep(ctx, max(f.after, c.times.resend.pause(try))) {
			return gjson.Result{}, f
		}
	}
}

// get asks once, for JSON.
func (c *Client) get(ctx context.Context, cli *mautrix.Client, url string) (gjson.Result, error) {
	ctx, cancel := context.WithTimeout(ctx, c.times.request)
	defer cancel()
	body, err := c.request(ctx, cli, http.MethodGet, url, nil)
	if err != nil {
		return gjson.Result{}, err
	}
	return parseReply(body)
}

func parseReply(body []byte) (gjson.Result, error) {
	if !gjson.ValidBytes(body) {
		return gjson.Result{}, failure{text: "the homeserver's reply is no JSON", retry: true}
	}
	return gjson.ParseBytes(body), nil
}

// textOf takes a text field out of a reply that must have it.
func textOf(reply gjson.Result, field string) (string, error) {
	v := reply.Get(field)
	if v.Type != gjson.String || v.Str == "" {
		return "", failure{text: "the homeserver's reply has no " + field, retry: true}
	}
	return v.Str, nil
}
