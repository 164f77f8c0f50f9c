package httpjson

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"vertigo/engine"
	"vertigo/internal/link"
)

// carryOut sends one message until the server takes it, or it is given up.
func (t *Transport) carryOut(ctx context.Context, j job) {
	target, err := t.target(j.Address["path"])
	if err != nil {
		t.undelivered(j.Action, err.Error())
		return
	}
	t.inbox.Record("out", "", t.codec.Frame(j.Action))
	backoff := link.Backoff{Span: t.times.retry}
	for {
		last := t.running.Err() != nil
		o := t.attempt(ctx, j.Action, target)
		if o.problem == "" {
			t.taken(j.Action, o)
			return
		}
		wait := o.wait(j.since.Add(t.cfg.RetryFor), &backoff)
		if last || !o.retry {
			t.giveUp(j.Action, o)
			return
		}
		t.complain(o.problem, wait)
		select {
		case <-time.After(wait):
		case <-t.running.Done():
		}
		t.retried.Add(1)
	}
}

// target is the URL of a message: that of the server, with the path of the rule's
// send below it.
func (t *Transport) target(path string) (string, error) {
	ref, err := url.Parse(path)
	switch {
	case err != nil, ref.Scheme != "", ref.Host != "", ref.User != nil, ref.Fragment != "":
		return "", fmt.Errorf("path %q is none below url: it reads /NAME/NAME?NAME=VALUE", path)
	case slices.Contains(strings.Split(ref.Path, "/"), ".."):
		return "", fmt.Errorf("path %q leads out of url", path)
	}
	u := *t.base
	if ref.Path != "" {
		u = *t.base.JoinPath(ref.EscapedPath())
	}
	if u.RawQuery != "" && ref.RawQuery != "" {
		u.RawQuery += "&"
	}
	u.RawQuery += ref.RawQuery
	return u.String(), nil
}

// attempt sends one request, and waits for its answer.
func (t *Transport) attempt(ctx context.Context, a engine.Action, target string) outcome {
	select {
	case t.atOnce <- struct{}{}:
		defer func() { <-t.atOnce }()
	case <-ctx.Done():
		return outcome{problem: stopped}
	}
	answering, cancel := context.WithTimeout(ctx, t.cfg.Timeout)
	defer cancel()
	req, err := http.NewRequestWithContext(answering, t.cfg.Method, target, bytes.NewReader(a.Body))
	if err != nil {
		return outcome{problem: err.Error()}
	}
	req.Header = t.cfg.header()
	req.Header.Set(idempotencyKey, a.ID)
	resp, err := t.client.Do(req)
	if err != nil {
		return t.unanswered(ctx, err)
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(io.LimitReader(resp.Body, t.cfg.MaxMessage+1))
	switch {
	case err != nil:
		return t.unanswered(ctx, err)
	case int64(len(body)) > t.cfg.MaxMessage:
		body = nil
	}
	return answered(resp, body)
}

// unanswered is what comes of a request that err ended.
func (t *Transport) unanswered(ctx context.Context, err error) outcome {
	if ctx.Err() != nil {
		return outcome{problem: stopped}
	}
	return outcome{problem: explain(err, t.base.Host, t.cfg.Timeout), retry: true}
}

// taken tells the rules that the server has taken a message.
func (t *Transport) taken(a engine.Action, o outcome) {
	if t.fault.over() {
		t.log.Info("messages are taken again", "waiting", t.outbox.len()-1)
	}
	m := t.codec.became(time.Time{}, a, o)
	t.inbox.Frame(t.running, "", m.Body, func(at time.Time) engine.Message {
		m.At = at
		return m
	})
}

// complain logs that the server does not take a message, now and then.
func (t *Transport) complain(problem string, wait time.Duration) {
	if failures, due := t.fault.due(problem, t.times.remind); due {
		t.log.Warn("message not taken: it will be sent again", "err", problem, "failures", failures,
			"again_in", wait.Round(time.Millisecond), "waiting", t.outbox.len())
	}
}

// giveUp tells the rules that the server never will take a message.
func (t *Transport) giveUp(a engine.Action, o outcome) {
	t.bury(a, o)
	t.inbox.Words("", t.codec.became(time.Time{}, a, o))
}

// undelivered tells them that it never went out.
func (t *Transport) undelivered(a engine.Action, problem string) {
	t.bury(a, outcome{problem: problem})
	t.refuse(a, problem)
}

func (t *Transport) refuse(a engine.Action, problem string) {
	t.inbox.Say(func(at time.Time) engine.Message { return t.codec.became(at, a, outcome{problem: problem}) })
}

// bury keeps a message that was not taken for the operator.
func (t *Transport) bury(a engine.Action, o outcome) {
	t.log.Warn("not sent", "type", a.Type, "call", a.Call, "rule", a.Rule, "err", o.problem)
	t.deadLetter(time.Now(), a, dead(a, o))
}
