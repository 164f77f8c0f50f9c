package matrix

import (
	"context"
	"net/http"
	"sync"

	"maunium.net/go/mautrix"
	"maunium.net/go/mautrix/id"

	"vertigo/engine"
)

// A session holds the client that is logged in, while there is one. The syncer
// sets it; senders wait for it.
type session struct {
	mu    sync.Mutex
	cli   *mautrix.Client
	ready chan struct{} // closed when cli is set
}

func newSession() *session {
	return &session{ready: make(chan struct{})}
}

// get is the client that is logged in, or nil.
func (s *session) get() *mautrix.Client {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cli
}

// wait waits until there is a client, or ctx is done.
func (s *session) wait(ctx context.Context) (*mautrix.Client, error) {
	for {
		s.mu.Lock()
		cli, ready := s.cli, s.ready
		s.mu.Unlock()
		if cli != nil {
			return cli, nil
		}
		select {
		case <-ready:
		case <-ctx.Done():
			return nil, engine.ErrNotConnected
		}
	}
}

func (s *session) open(cli *mautrix.Client) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cli = cli
	close(s.ready)
}

func (s *session) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.cli != nil {
		s.cli, s.ready = nil, make(chan struct{})
	}
}

// logIn makes a client with a good token: the one of the configuration, checked,
// or one got with the password, as device, or as a new one if that is "".
func (c *Client) logIn(ctx context.Context, device string) (*mautrix.Client, error) {
	ctx, cancel := context.WithTimeout(ctx, c.times.request)
	defer cancel()
	cli, err := c.newSession(c.cfg.Token)
	if err != nil {
		return nil, err
	}

	if c.cfg.Token != "" {
		who, err := cli.Whoami(ctx)
		if err != nil {
			return nil, loginError(err)
		}
		cli.DeviceID = who.DeviceID
		return cli, c.checkUser("token", string(who.UserID))
	}
	got, err := cli.Login(ctx, &mautrix.ReqLogin{
		Type:                     mautrix.AuthTypePassword,
		Identifier:               mautrix.UserIdentifier{Type: mautrix.IdentifierTypeUser, User: c.cfg.User},
		Password:                 c.cfg.Password,
		DeviceID:                 id.DeviceID(device),
		InitialDeviceDisplayName: "Vertigo",
		StoreCredentials:         true,
	})
	if err != nil {
		return nil, loginError(err)
	}
	return cli, c.checkUser("password", string(got.UserID))
}

// newSession makes a client that shows token.
func (c *Client) newSession(token string) (*mautrix.Client, error) {
	cli, err := mautrix.NewClient(c.cfg.Homeserver, id.UserID(c.cfg.User), token)
	if err != nil {
		return nil, fatalf("homeserver %s: %w", c.cfg.Homeserver, err)
	}
	cli.Client = c.http
	cli.UserAgent = "vertigo"
	return cli, nil
}

// checkUser catches the credentials of somebody else: with them, own echoes
// would pass for a caller's events.
func (c *Client) checkUser(of, user string) error {
	if user != c.cfg.User {
		return fatalf("the %s is %s's, but user is %s", of, user, c.cfg.User)
	}
	return nil
}

// A refusedLogin says that the homeserver does not let the user in, as opposed
// to not answering: asking often makes it worse.
type refusedLogin struct{ failure }

func (r refusedLogin) Unwrap() error { return r.failure }

// loginError sorts out which of the two err is.
func loginError(err error) error {
	f := failureOf(err)
	if f.status == http.StatusUnauthorized || f.status == http.StatusForbidden {
		return refusedLogin{f}
	}
	return f
}
