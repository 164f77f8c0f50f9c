package matrix

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync"

	"maunium.net/go/mautrix"
)

// An appService is the bridge as an application service: the homeserver brings
// the events, and the bridge looks from time to time whether it is there.
type appService struct {
	health
	cli    *mautrix.Client // shows as_token
	listen net.Addr
	begin  func() // lets events be delivered; the first transport.up comes before them
}

// runAppService takes and delivers what the homeserver brings until ctx is done,
// or a fault that no retry cures.
func (c *Client) runAppService(ctx context.Context) error {
	cli, err := c.newSession(c.registration.ASToken)
	if err != nil {
		return err
	}
	listener, err := c.listen("tcp", c.cfg.Listen)
	if err != nil {
		return fatalf("listen = %q: %w", c.cfg.Listen, err)
	}
	ctx, end := context.WithCancelCause(ctx)
	defer end(nil)
	web := server{Client: c}
	failed, stop := web.serve(ctx, listener)

	var working sync.WaitGroup
	began := make(chan struct{})
	a := appService{health: health{Client: c}, cli: cli, listen: listener.Addr(), begin: sync.OnceFunc(func() { close(began) })}
	working.Go(func() { end(a.watch(ctx)) })
	working.Go(func() {
		select {
		case <-began:
			c.feed.run(ctx)
		case <-ctx.Done():
		}
	})
	select {
	case err := <-failed:
		end(fatalf("listen = %q: %w", c.cfg.Listen, err))
	case <-ctx.Done():
	}
	stop()
	working.Wait()
	var fault fatalError
	if errors.As(context.Cause(ctx), &fault) {
		return fault
	}
	return nil
}

// watch keeps looking whether the homeserver is there, and knows us.
func (a *appService) watch(ctx context.Context) error {
	for ctx.Err() == nil {
		err := a.look(ctx)
		var fault fatalError
		switch {
		case errors.As(err, &fault):
			return fault
		case err == nil:
			sleep(ctx, a.times.poll)
		case ctx.Err() == nil:
			sleep(ctx, a.failed(ctx, err))
		}
	}
	return nil
}

// look asks the homeserver who we are, and comes up if the transport was down.
func (a *appService) look(ctx context.Context) error {
	own := actor{Client: a.Client, cli: a.cli, id: a.ours.user}
	who, err := own.do(ctx, http.MethodGet, nil, "account", "whoami")
	if err != nil {
		return a.refusal(err)
	}
	if err := a.checkUser("as_token of registration "+a.cfg.Registration, who.Get("user_id").String()); err != nil {
		return err
	}
	if !a.Up() {
		if err := a.registerSelf(ctx, own); err != nil {
			return err
		}
		a.ping(ctx)
	}
	if a.session.get() == nil {
		a.session.open(a.cli)
	}
	if a.works() && a.inbox.deliver(ctx, [][]byte{upWord(a.cfg.User, a.cfg.Ghosts)}) {
		a.begin()
	}
	return nil
}

// registerSelf makes the bridge's own user. Both homeservers let it act without,
// so a no is no reason to stay away: Synapse 1.163.2 says HTTP 500 if the user
// has a profile already.
func (a *appService) registerSelf(ctx context.Context, own actor) error {
	_, err := own.register(ctx)
	if err == nil {
		return nil
	}
	f := failureOf(err)
	if f.status == 0 || f.status == http.StatusTooManyRequests {
		return err
	}
	a.log.Warn("the homeserver does not register the bridge's own user", "user", own.id, "err", f)
	return nil
}

// refusal says where a token that the homeserver does not take comes from.
func (a *appService) refusal(err error) error {
	var refused refusedLogin
	if !errors.As(loginError(err), &refused) {
		return err
	}
	refused.text = fmt.Sprintf("%s: the homeserver does not take the as_token of registration %s; is that file in its configuration, and was it restarted since the file changed?",
		refused.text, a.cfg.Registration)
	return refused
}

// ping finds out whether the homeserver reaches us (Application Service API,
// "Pinging"). Dendrite 0.15.2 does not have it. A homeserver that was there a
// moment ago and does not answer in time is waiting for us. One that fails is asked
// once more: it may have tried a connection to the bridge that was here before.
func (a *appService) ping(ctx context.Context) {
	ctx, cancel := context.WithTimeout(ctx, a.times.request)
	defer cancel()
	url := a.cli.BuildClientURL("v1", "appservice", a.registration.ID, "ping")
	ask := func() error {
		_, err := a.request(ctx, a.cli, http.MethodPost, url, []byte(`{"transaction_id":"vertigo"}`))
		return err
	}
	err := ask()
	if err != nil && failureOf(err).code == "M_CONNECTION_FAILED" {
		err = ask()
	}
	if err == nil {
		return
	}
	f := failureOf(err)
	if f.code == "M_UNRECOGNIZED" || f.status == http.StatusMethodNotAllowed || f.status == 0 && !errors.Is(err, context.DeadlineExceeded) {
		a.log.Debug("the homeserver does not say whether it reaches the bridge", "err", f)
		return
	}
	a.log.Warn("the homeserver does not reach the bridge: no call will come", "url", a.registration.URL, "listen", a.listen.String(), "err", f)
}
