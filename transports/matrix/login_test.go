package matrix

import (
	"encoding/json"
	"path/filepath"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

const unknownToken = `{"errcode":"M_UNKNOWN_TOKEN","error":"Unknown token"}`

func TestAPasswordLoginKeepsItsDevice(t *testing.T) {
	file := filepath.Join(t.TempDir(), "state.json")
	synctest.Test(t, func(t *testing.T) {
		var logins []string
		for range 2 {
			hs := newHomeserver()
			b := connected(t, hs, withPassword, withStateFile(file))
			b.stop()
			logins = append(logins, hs.asked("/login")[0].body)
			if auth := hs.asked("/sync")[0].auth; auth != "Bearer fresh" {
				t.Errorf("synced as %q", auth)
			}
		}
		type login struct {
			Type       string
			Identifier struct{ Type, User string }
			Password   string
			Device     string `json:"device_id"`
		}
		var first, second login
		if err := json.Unmarshal([]byte(logins[0]), &first); err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal([]byte(logins[1]), &second); err != nil {
			t.Fatal(err)
		}
		want := login{Type: "m.login.password", Password: "secret-password"}
		want.Identifier.Type, want.Identifier.User = "m.id.user", botID
		if diff := cmp.Diff(want, first); diff != "" {
			t.Error(diff)
		}
		want.Device = "NEWDEV"
		if diff := cmp.Diff(want, second); diff != "" {
			t.Error(diff)
		}
	})
}

func TestATokenThatIsNoLongerKnownIsReplacedByALogin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		hs := newHomeserver()
		b := connected(t, hs, withPassword)
		defer b.stop()
		hs.syncs <- reply{status: 401, body: unknownToken}
		hs.syncs <- syncOf("s2", roomA, callEvent("m.call.invite", "$1", "c1"))
		if diff := cmp.Diff([]string{"m.call.invite"}, types(b.taken())); diff != "" {
			t.Error(diff)
		}
		if n := len(hs.asked("/login")); n != 2 {
			t.Errorf("logged in %d times", n)
		}
	})
}

func TestARefusedLoginIsSaidOncePlainlyAndTriedSlowly(t *testing.T) {
	for _, tt := range []struct {
		name   string
		set    setting
		answer reply
		path   string
		want   string
	}{
		{"unknown token", func(*Config, *Options) {}, reply{status: 401, body: unknownToken}, "/account/whoami", "Unknown token (M_UNKNOWN_TOKEN)"},
		{"wrong password", withPassword, reply{status: 403, body: `{"errcode":"M_FORBIDDEN","error":"Invalid password"}`}, "/login", "Invalid password (M_FORBIDDEN)"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				hs := newHomeserver()
				hs.answerWith(func(request) reply { return tt.answer })
				b := startBot(t, hs, tt.set)
				defer b.stop()
				time.Sleep(time.Hour)
				synctest.Wait()
				lines := b.log.with("login refused")
				if len(lines) != 1 || !strings.Contains(lines[0], tt.want) || !strings.Contains(lines[0], botID) {
					t.Errorf("logged %q", lines)
				}
				if n := len(hs.asked(tt.path)); n < 10 || n > 40 {
					t.Errorf("%d tries in an hour", n)
				}
				if secrets := b.log.with("secret-"); len(secrets) != 0 {
					t.Errorf("logged %q", secrets)
				}
				hs.answerWith(func(request) reply { return reply{} })
				time.Sleep(6 * time.Minute)
				if diff := cmp.Diff([]string{"transport.up"}, types(b.taken())); diff != "" {
					t.Error(diff)
				}
			})
		})
	}
}

func TestTheCredentialsOfAnotherUserEndTheRun(t *testing.T) {
	for name, set := range map[string]setting{"token": func(*Config, *Options) {}, "password": withPassword} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				hs := newHomeserver()
				hs.answerWith(func(request) reply {
					return reply{body: `{"user_id":"@other:hs.test","device_id":"D","access_token":"x"}`}
				})
				b := startBot(t, hs, set)
				err := <-b.ended
				if want := "the " + name + " is @other:hs.test's, but user is @bot:hs.test"; err == nil || err.Error() != want {
					t.Errorf("got %v", err)
				}
			})
		})
	}
}
