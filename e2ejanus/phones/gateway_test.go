package phones

import (
	"fmt"
	"testing"
	"time"
)

func TestGatewayCallsPhones(t *testing.T) {
	t.Parallel()
	x, g := StartExchange(t), StartGateway(t, GatewayOptions{})
	p := StartPhone(t, x, "2001", PhoneOptions{Manual: true, Tone: 1000})
	s := newSession(t, g.Address)

	l := s.line()
	l.guest("anna")
	l.call(x.URI("2001"))
	p.Rings()
	p.Accept()
	l.take("accepted")
	l.phone.Talk(440)
	l.hears(1000)
	p.Hears(440)
	l.request(map[string]any{"request": "dtmf_info", "digit": "5"}, nil)
	p.HearsKeys("5")
	l.request(map[string]any{"request": "hangup"}, nil)
	l.event("hangup")
	p.Ended()

	l = s.line()
	l.guest("anna")
	l.call(x.URI("2001"))
	p.Rings()
	p.HangUp()
	if code := l.event("hangup").Get("plugindata.data.result.code").Int(); code != 486 {
		t.Errorf("a call that is declined ends with %d", code)
	}
}

func TestGatewayIsCalledByPhones(t *testing.T) {
	t.Parallel()
	x, g := StartExchange(t), StartGateway(t, GatewayOptions{})
	p := StartPhone(t, x, "2001", PhoneOptions{})
	l := newSession(t, g.Address).line()
	l.office(x)

	p.Dial("+442079460100")
	call := l.event("incomingcall")
	if callee := call.Get("plugindata.data.result.callee").Str; callee != x.URI("+442079460100") {
		t.Errorf("%s is called", callee)
	}
	l.request(map[string]any{"request": "accept", "autoaccept_reinvites": false}, l.answer(call))
	l.event("accepted")
	p.Talks()
	l.phone.Talk(440)
	l.hears(1000)
	p.Hears(440)
	p.HangUp()
	l.event("hangup")
}

func TestGatewayIsCalledByFarEnds(t *testing.T) {
	t.Parallel()
	x, g := StartExchange(t), StartGateway(t, GatewayOptions{})
	l := newSession(t, g.Address).line()
	l.office(x)
	far := StartCaller(t, x, "+442079460101", "+442079460100")
	call := l.event("incomingcall")
	if caller := call.Get("plugindata.data.result.username").Str; caller != x.URI("+442079460101") {
		t.Errorf("%s calls", caller)
	}
	l.request(map[string]any{"request": "accept"}, l.answer(call))
	l.event("accepted")
	l.phone.Talk(440)
	l.hears(440)
	far.Settled(1)
	l.request(map[string]any{"request": "dtmf_info", "digit": "1"}, nil)
	l.event("hangup")
	far.Done()
}

func TestGatewayIsHeldByPhones(t *testing.T) {
	t.Parallel()
	x, g := StartExchange(t), StartGateway(t, GatewayOptions{})
	p := StartPhone(t, x, "2001", PhoneOptions{})
	s := newSession(t, g.Address)
	l := s.line()
	l.guest("anna")
	l.call(x.URI("2001"))
	l.take("accepted")
	l.hears(1000)
	for range 2 {
		p.Hold()
		l.updates("sendonly")
		p.Resume()
		l.updates("sendrecv")
		l.hears(1000)
	}
	l.request(map[string]any{"request": "hangup"}, nil)
	p.Ended()

	far := StartFarEnd(t, x, Hold, 1, "far")
	l = s.line()
	l.guest("anna")
	l.call(x.URI("far"))
	l.take("accepted")
	l.phone.Talk(440)
	l.hears(440)
	for i, direction := range []string{"sendonly", "sendrecv"} {
		l.request(map[string]any{"request": "dtmf_info", "digit": "1"}, nil)
		l.updates(direction)
		far.Settled(i + 1)
	}
	l.hears(440)
	l.request(map[string]any{"request": "hangup"}, nil)
	far.Done()
}

func TestGatewayServesManyCalls(t *testing.T) {
	t.Parallel()
	const calls = 24
	x, g := StartExchange(t), StartGateway(t, GatewayOptions{})
	far := StartFarEnd(t, x, Answer, calls, "far")
	s := newSession(t, g.Address)
	var lines [calls]*line
	for i := range lines {
		lines[i] = s.line()
		lines[i].guest(fmt.Sprintf("anna%d", i))
		lines[i].call(x.URI("far"))
	}
	for i, l := range lines {
		l.take("accepted")
		l.phone.Talk(float64(400 + 50*i))
	}
	for i, l := range lines {
		l.hears(float64(400 + 50*i))
		l.request(map[string]any{"request": "hangup"}, nil)
	}
	far.Done()
}

func TestGatewayKeepsASessionWhoseCableIsPulledOut(t *testing.T) {
	t.Parallel()
	// Janus does not always see that the cable is out: then the other time ends it.
	x, g := StartExchange(t), StartGateway(t, GatewayOptions{Reclaim: 5 * time.Second, Session: 35 * time.Second})
	c := NewCable(t, g.Address)
	p := StartPhone(t, x, "2001", PhoneOptions{Echo: true})
	s := newSession(t, c.Address)
	l := s.line()
	l.guest("anna")
	l.call(x.URI("2001"))
	l.take("accepted")
	l.phone.Talk(440)
	l.hears(440)
	c.Unplug()
	<-s.read
	c.Plug()
	s.connect(c.Address)
	if m := s.ask(map[string]any{"janus": "claim"}); m.Get("janus").Str != "success" {
		t.Fatalf("the session is lost: %s", m)
	}
	l.hears(440)
	c.Unplug()
	p.Ended() // Janus has waited long enough
}
