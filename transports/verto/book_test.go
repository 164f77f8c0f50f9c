package verto

import (
	"fmt"
	"slices"
	"testing"

	"vertigo/engine"
)

// readyBook is a book with that many accounts, all ready.
func readyBook(accounts int) *book {
	b := newBook(make([]Account, accounts))
	for _, a := range b.accounts {
		b.opened(a)
		b.becameReady(a, func() {})
	}
	return b
}

func action(typ, key string) engine.Action {
	return engine.Action{Type: typ, Key: key}
}

func TestCallIsForgottenWhenItIsOver(t *testing.T) {
	invite, bye := sentRequest{"verto.invite", "A"}, sentRequest{"verto.bye", "A"}
	tests := []struct {
		name string
		do   func(b *book, a *account)
		left int // calls
		live int // of them
	}{
		{"it lives", func(b *book, a *account) { b.answered(invite, false) }, 1, 1},
		{"the invite fails", func(b *book, a *account) { b.answered(invite, true) }, 0, 0},
		{"a second invite of a live call fails", func(b *book, a *account) {
			b.answered(invite, false)
			b.route(action("verto.invite", "A"))
			b.answered(invite, true)
		}, 1, 1},
		{"the server says bye", func(b *book, a *account) { b.asked(a, "verto.bye", "A") }, 0, 0},
		{"our bye is under way", func(b *book, a *account) { b.route(action("verto.bye", "A")) }, 1, 0},
		{"our bye is answered", func(b *book, a *account) {
			b.route(action("verto.bye", "A"))
			b.answered(bye, false)
		}, 0, 0},
		{"our bye comes too late", func(b *book, a *account) {
			b.route(action("verto.bye", "A"))
			b.answered(bye, true)
		}, 0, 0},
		{"our bye finds no answer, but a later probe does", func(b *book, a *account) {
			b.answered(invite, false)
			b.route(action("verto.bye", "A"))
			b.unanswered(bye)
			b.alive(a)
		}, 0, 0},
		{"the invite finds no answer, but a later probe does", func(b *book, a *account) {
			b.unanswered(invite)
			b.alive(a)
		}, 0, 0},
		{"the invite finds no answer, but the call rings", func(b *book, a *account) {
			b.unanswered(invite)
			b.asked(a, "verto.media", "A")
			b.alive(a)
		}, 1, 1},
		{"a probe is answered", func(b *book, a *account) { b.alive(a) }, 1, 1},
		{"the invite was too long", func(b *book, a *account) { b.unsent(action("verto.invite", "A")) }, 0, 0},
		{"events of calls that are over begin none", func(b *book, a *account) {
			b.asked(a, "verto.bye", "A")
			b.asked(a, "verto.display", "A")
		}, 0, 0},
		{"the session is left", func(b *book, a *account) { b.abandon(a) }, 0, 0},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			b := readyBook(1)
			a := b.accounts[0]
			b.route(action("verto.invite", "A"))
			test.do(b, a)
			if len(b.dialogs) != test.left || a.live != test.live {
				t.Errorf("%d calls, %d live; want %d, %d", len(b.dialogs), a.live, test.left, test.live)
			}
		})
	}
}

func TestCallsOfTheNewSocketAreNotGone(t *testing.T) {
	b := readyBook(1)
	a := b.accounts[0]
	b.asked(a, "verto.invite", "old")
	b.lost(a, nil, func() {})
	b.opened(a)
	b.asked(a, "verto.invite", "new")
	if gone := b.reattached(a, nil); !slices.Equal(gone, []string{"old"}) {
		t.Errorf("gone: %q", gone)
	}
}

func TestNewCallsGoToTheSocketWithTheFewest(t *testing.T) {
	b := readyBook(3)
	for i := range 30 {
		b.route(action("verto.invite", fmt.Sprint(i)))
		b.answered(sentRequest{"verto.invite", fmt.Sprint(i)}, false)
	}
	b.lost(b.accounts[1], nil, func() {})
	for i := range 10 {
		b.route(action("verto.invite", fmt.Sprint("more ", i)))
	}
	if queued, _ := b.stats(); queued != 30 { // what waited for the second socket is gone with it
		t.Errorf("%d requests wait", queued)
	}
	for i, want := range []int{15, 10, 15} {
		if got := b.accounts[i].live; got != want {
			t.Errorf("account %d has %d calls, want %d", i, got, want)
		}
	}
}
