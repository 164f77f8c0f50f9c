package matrix

import (
	"context"
	"errors"
	"net/http"
	"strconv"

	"maunium.net/go/mautrix"
)

// maxResponse bounds one reply of the homeserver. A /sync that is longer is
// asked for again with fewer events a room.
const maxResponse = 64 << 20

// A syncer follows the user's stream: one /sync after the other, each begun
// where the last one that the engine has seen ended.
type syncer struct {
	health
	saver *saver
	limit int // events of a room to ask for
}

// run follows the stream until ctx is done, or a fault that no retry cures.
func (s *syncer) run(ctx context.Context) error {
	for ctx.Err() == nil {
		err := s.step(ctx)
		var fault fatalError
		switch {
		case err == nil:
		case errors.As(err, &fault):
			return fault
		case ctx.Err() == nil:
			sleep(ctx, s.failed(ctx, err))
		}
	}
	return nil
}

// step makes one /sync, after a login where that is needed.
func (s *syncer) step(ctx context.Context) error {
	cli := s.session.get()
	if cli == nil {
		var err error
		if cli, err = s.logIn(ctx, s.state.Device); err != nil {
			return err
		}
		if device := string(cli.DeviceID); s.cfg.Password != "" && device != s.state.Device {
			s.state.Device = device
			s.saver.save(s.state, s.codec.parties())
		}
		s.session.open(cli)
	}
	res, err := s.poll(ctx, cli)
	if err != nil {
		return err
	}
	lines, changes := s.unpack(ctx, cli, res)
	if ctx.Err() == nil { // otherwise it may be incomplete
		s.handOver(ctx, res.next, lines, changes)
	}
	return nil
}

// handOver delivers what one response amounts to and, once the engine has seen
// it, moves on in the stream.
func (s *syncer) handOver(ctx context.Context, next string, lines [][]byte, changes map[string]*room) {
	if s.works() {
		lines = append([][]byte{upWord(s.cfg.User, "")}, lines...)
	}
	if len(lines) > 0 && !s.inbox.deliver(ctx, lines) {
		return
	}
	if next == s.state.Since && len(changes) == 0 {
		return
	}
	s.state.Since = next
	s.state.apply(changes)
	s.saver.save(s.state, s.codec.parties())
}

// poll makes one /sync. The first one is not to wait: it tells that all is well.
func (s *syncer) poll(ctx context.Context, cli *mautrix.Client) (*response, error) {
	query := map[string]string{"filter": syncFilter(s.limit), "timeout": "0"}
	if s.up.Load() {
		query["timeout"] = strconv.FormatInt(s.times.poll.Milliseconds(), 10)
	}
	if s.state.Since == "" {
		query["filter"] = syncFilter(1)
	} else {
		query["since"] = s.state.Since
	}
	ctx, cancel := context.WithTimeout(ctx, s.times.poll+s.times.request)
	defer cancel()
	body, err := s.request(ctx, cli, http.MethodGet, cli.BuildURLWithQuery(mautrix.ClientURLPath{"v3", "sync"}, query), nil)
	if errors.Is(err, mautrix.ErrResponseTooLong) || errors.Is(err, mautrix.ErrBodyReadReachedLimit) {
		s.limit = max(1, s.limit/4)
		return nil, failure{text: "a /sync of more than " + strconv.Itoa(maxResponse>>20) + " MiB: asking for fewer events at once", retry: true}
	}
	if err != nil {
		return nil, err
	}
	res, err := readResponse(body)
	if err != nil {
		return nil, failure{text: "the homeserver's /sync cannot be used: " + err.Error(), retry: true}
	}
	s.limit = timelineLimit
	return res, nil
}
