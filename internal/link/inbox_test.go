package link

import (
	"context"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"vertigo/engine"
)

func TestInboxMakesTheSocketsWaitButNeverTheRules(t *testing.T) {
	b := NewInbox(nil)
	read := func(time.Time) engine.Message { return engine.Message{} }
	for range InboxFrames {
		b.Frame(context.Background(), "A", nil, read)
	}
	b.Say(read)
	b.Words("A", engine.Message{})
	waited := make(chan struct{})
	go func() {
		defer close(waited)
		b.Frame(context.Background(), "A", nil, read)
	}()
	for range InboxFrames + 3 {
		if _, ok := b.Take(context.Background()); !ok {
			t.Fatal("the inbox gave nothing")
		}
	}
	<-waited
	done, cancel := context.WithCancel(context.Background())
	cancel()
	if _, ok := b.Take(done); ok {
		t.Error("something was delivered after the end")
	}
}

func TestInboxTapsInTheOrderOfDelivery(t *testing.T) {
	var tapped, taken []string
	b := NewInbox(func(_ time.Time, dir, conn string, data []byte) {
		tapped = append(tapped, fmt.Sprintf("%s %s %s", dir, conn, data))
	})
	b.Record("out", "A", []byte("1"))
	b.Frame(context.Background(), "A", []byte("2"), func(at time.Time) engine.Message { return engine.Message{Type: "2", At: at} })
	b.Say(func(at time.Time) engine.Message { return engine.Message{Type: "3", At: at} })
	b.Words("B", engine.Message{Type: "4", Body: []byte("4")}, engine.Message{Type: "5", Body: []byte("5")})
	var before time.Time
	for len(taken) < 4 {
		batch, _ := b.Take(context.Background())
		for _, m := range batch {
			if m.At.Before(before) {
				t.Errorf("%s is older than what came before", m.Type)
			}
			before = m.At
			taken = append(taken, m.Type)
		}
	}
	if d := cmp.Diff([]string{"out A 1", "in A 2", "in B 4", "in B 5"}, tapped); d != "" {
		t.Error(d)
	}
	if d := cmp.Diff([]string{"2", "3", "4", "5"}, taken); d != "" {
		t.Error(d)
	}
}
