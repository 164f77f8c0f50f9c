package vertotest

import (
	"context"
	"errors"
	"slices"
	"sync"
	"time"
)

// A Leg is one call between the server and a client, as an [Extension] has it
// in hand. Its methods may be called from any goroutine; those with a context
// return early when it ends.
type Leg struct {
	srv      *Server
	callID   string // as the client spelt it
	id       string // as FreeSWITCH keeps it: at most 255 bytes
	sessid   string
	login    string
	outbound bool // the server called
	recover  bool // survives the loss of its socket
	offer    string
	began    time.Time

	ctx  context.Context // ends with the call
	stop context.CancelFunc
	up   chan struct{} // closed when media is up
	once sync.Once

	// Guarded by srv.mu:
	state                    State
	held                     bool
	cause                    Cause
	endedBy                  Side
	destination              string
	callerName, callerNumber string
	calleeName, calleeNumber string
	turns                    bool   // once answered, the dialplan sees the leg from the other side
	variables, headers       object // verto_svar_* and verto_h_* of the dialplan
	identity                 identity
	agreement                *agreement // nil until SDP was agreed
	offered                  []codec    // audio of a server's invite
	media                    *media     // nil until needed, and without sound
	events                   bool       // the client's answer to a server's invite named telephone-event
	attached                 bool       // a verto.attach was sent and is unanswered
	reattached               bool       // one was answered: DTLS begins anew at every move of the client
	wanted                   string     // direction of the sound in the last verto.attach
	detachTimer              *time.Timer
	shown                    object // the last verto.display
	digits                   []byte
	unread                   []byte        // digits that no extension collected yet
	pressed                  chan struct{} // holds a token while there may be unread digits
	partner                  *Leg          // that it is bridged with
	started                  bool          // media was begun
	running                  bool          // an extension has the call in hand
	interrupt                context.CancelFunc
	next                     Extension // to go on with after an interrupt
}

// maxCallID is what fits FreeSWITCH's channel UUID; of a longer one the rest is lost.
const maxCallID = 255

var errDuplicate = errors.New("callID is in use")

// begin makes a leg known. The caller holds s.mu and has filled in what the
// leg is about.
func (s *Server) begin(l *Leg) error {
	l.id = l.callID[:min(len(l.callID), maxCallID)]
	if _, taken := s.legs[l.id]; taken || s.closing {
		return errDuplicate
	}
	l.srv, l.state, l.began = s, Ringing, time.Now()
	l.ctx, l.stop = context.WithCancel(s.ctx)
	l.up, l.pressed = make(chan struct{}), make(chan struct{}, 1)
	s.legs[l.id] = l
	s.history = append(s.history, l)
	s.notify()
	return nil
}

func (l *Leg) snapshot() Call {
	c := Call{
		ID: l.callID, Login: l.login, Sessid: l.sessid, Outbound: l.outbound,
		Destination: l.destination, CallerName: l.callerName, CallerNumber: l.callerNumber,
		State: l.state, Held: l.held, Cause: l.cause, EndedBy: l.endedBy,
		DTMF: string(l.digits), Began: l.began,
	}
	if l.agreement != nil {
		c.Codec = l.agreement.audio.codec.name
	}
	if l.media != nil {
		c.PacketsIn, c.PacketsOut, c.Dropped = l.media.counts()
	}
	return c
}

// Call gives what is known of the leg now.
func (l *Leg) Call() Call {
	l.srv.mu.Lock()
	defer l.srv.mu.Unlock()
	return l.snapshot()
}

// ids are the parties, as they stand in several server requests.
func (l *Leg) ids() object {
	direction := "inbound"
	if l.outbound {
		direction = "outbound"
	}
	return object{
		{"caller_id_name", l.callerName}, {"caller_id_number", l.callerNumber},
		{"callee_id_name", l.calleeName}, {"callee_id_number", l.calleeNumber},
		{"display_direction", direction},
	}
}

// send queues a server request of this call. The caller holds srv.mu.
func (l *Leg) send(method string, params object) {
	l.srv.enqueue(l.srv.sessions[l.sessid], method, append(object{{"callID", l.callID}}, params...))
}

// PreAnswer agrees on media and sends verto.media, unless that is done. An
// error is the [Cause] to end the call with.
func (l *Leg) PreAnswer(context.Context) error {
	l.srv.mu.Lock()
	defer l.srv.mu.Unlock()
	if l.state != Ringing || l.outbound {
		return nil
	}
	sdp, err := l.agree()
	if err != nil {
		return err
	}
	l.state = Early
	l.send("verto.media", object{{"sdp", sdp}, {"variables", l.srv.channelVariables(l.variables)}})
	l.srv.notify()
	return nil
}

// Answer sends verto.answer and then waits until media is up, however long
// that takes: FreeSWITCH's dialplan does. On a call that the server placed it
// just waits. An error is the [Cause] to end the call with, or that of ctx.
func (l *Leg) Answer(ctx context.Context) error {
	if err := l.sendAnswer(); err != nil {
		return err
	}
	select {
	case <-l.up:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (l *Leg) sendAnswer() error {
	l.srv.mu.Lock()
	defer l.srv.mu.Unlock()
	if l.outbound || l.state != Ringing && l.state != Early {
		return nil
	}
	var params object
	if l.state == Ringing {
		sdp, err := l.agree()
		if err != nil {
			return err
		}
		params = object{{"sdp", sdp}}
	}
	l.state = Answered
	l.send("verto.answer", params.with("variables", l.srv.channelVariables(l.variables)))
	l.settle()
	l.srv.notify()
	return nil
}

// agree answers the client's offer. The caller holds srv.mu.
func (l *Leg) agree() (string, error) {
	a, err := negotiate(l.offer, l.srv.opts.Codecs)
	if err != nil {
		return "", IncompatibleDestination
	}
	if err := l.openMedia(); err != nil {
		return "", NormalTemporaryFailure
	}
	l.agreement = a
	l.startMedia()
	return l.identity.answer(a, l.srv.dtls.fingerprint()), nil
}

// mediaUp is called once the first packet could flow.
func (l *Leg) mediaUp() {
	l.srv.mu.Lock()
	defer l.srv.mu.Unlock()
	l.once.Do(func() { close(l.up) })
	l.settle()
}

// settle makes an answered call active once its media is up. The caller holds srv.mu.
func (l *Leg) settle() {
	select {
	case <-l.up:
		if l.state == Answered {
			l.state = Active
			l.srv.notify()
		}
	default:
	}
}

// mediaFailed ends the call: the DTLS handshake went wrong.
func (l *Leg) mediaFailed(err error) {
	l.srv.log.Debug("media failed", "call_id", l.callID, "err", err)
	l.srv.mu.Lock()
	defer l.srv.mu.Unlock()
	l.srv.hangup(l, DestinationOutOfOrder)
}

// Wait lets time pass, by the server's own measure ([Timing.Dialplan]).
func (l *Leg) Wait(ctx context.Context, d time.Duration) error {
	select {
	case <-time.After(l.srv.scaled(d)):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (s *Server) scaled(d time.Duration) time.Duration {
	return time.Duration(float64(d) * s.opts.Timing.Dialplan)
}

// Display sends verto.display.
func (l *Leg) Display(name, number string) {
	l.srv.mu.Lock()
	defer l.srv.mu.Unlock()
	l.display(name, number)
}

func (l *Leg) display(name, number string) {
	l.shown = append(object{{"display_name", name}, {"display_number", number}}, append(l.ids(), l.headers...)...)
	l.send("verto.display", l.shown)
}

// SetVariable sets a channel variable that clients see among the variables of
// later requests; its name begins with verto_svar_.
func (l *Leg) SetVariable(name, value string) {
	l.srv.mu.Lock()
	defer l.srv.mu.Unlock()
	l.variables = l.variables.with(name, value)
}

// press notes DTMF from the client. The caller holds srv.mu.
func (l *Leg) press(digits string) {
	l.digits = append(l.digits, digits...)
	l.unread = append(l.unread, digits...)
	select {
	case l.pressed <- struct{}{}:
	default:
	}
	l.srv.notify()
}

// Digits collects DTMF until a #, which is not part of it, or until none came
// for the given time.
func (l *Leg) Digits(ctx context.Context, pause time.Duration) string {
	for {
		l.srv.mu.Lock()
		if i := slices.Index(l.unread, '#'); i >= 0 {
			digits := string(l.unread[:i])
			l.unread = l.unread[i+1:]
			l.srv.mu.Unlock()
			return digits
		}
		l.srv.mu.Unlock()
		select {
		case <-l.pressed:
		case <-time.After(l.srv.scaled(pause)):
			return l.takeUnread()
		case <-ctx.Done():
			return l.takeUnread()
		}
	}
}

func (l *Leg) takeUnread() string {
	l.srv.mu.Lock()
	defer l.srv.mu.Unlock()
	digits := string(l.unread)
	l.unread = nil
	return digits
}

// channelVariables are what switch_channel_get_variables_prefix puts around
// the dialplan's own: they name the host, and no client should show them.
func (s *Server) channelVariables(own object) object {
	now := time.Now()
	return append(object{
		{"Event-Name", "CHANNEL_DATA"},
		{"Core-UUID", "00000000-0000-4000-8000-000000000000"},
		{"FreeSWITCH-Hostname", "vertotest"},
		{"FreeSWITCH-Switchname", "vertotest"},
		{"FreeSWITCH-IPv4", "192.0.2.2"},
		{"FreeSWITCH-IPv6", "fd00::2"},
		{"Event-Date-Local", now.Format(time.DateTime)},
		{"Event-Date-GMT", now.UTC().Format("Mon, 02 Jan 2006 15:04:05 GMT")},
		{"Event-Date-Timestamp", itoa(int(now.UnixMicro()))},
		{"Event-Calling-File", "switch_channel.c"},
		{"Event-Calling-Function", "switch_channel_get_variables_prefix"},
		{"Event-Calling-Line-Number", "4466"},
		{"Event-Sequence", itoa(s.lastID + 1)},
	}, own...)
}
