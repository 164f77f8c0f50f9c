package link

import (
	"encoding/base64"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestCredentialsAreShownAndSeen(t *testing.T) {
	basic := func(text string) string { return "Basic " + base64.StdEncoding.EncodeToString([]byte(text)) }
	for _, test := range []struct {
		name  string
		c     Credential
		shown string
		want  bool
	}{
		{"nothing is asked", Credential{}, "", true},
		{"nothing is asked, something shown", Credential{}, "Bearer x", true},
		{"token", Credential{Token: "x"}, "Bearer x", true},
		{"token, in another case", Credential{Token: "x"}, "bearer x", true},
		{"wrong token", Credential{Token: "x"}, "Bearer y", false},
		{"no token", Credential{Token: "x"}, "", false},
		{"a token by another scheme", Credential{Token: "x"}, "Digest x", false},
		{"a password for a token", Credential{Token: "x"}, basic("x:x"), false},
		{"an empty password for a token", Credential{Token: "x"}, basic(":"), false},
		{"an empty token for a password", Credential{Password: "x"}, "Bearer ", false},
		{"password of anybody", Credential{Password: "x"}, basic("anna:x"), true},
		{"password of anna", Credential{User: "anna", Password: "x"}, basic("anna:x"), true},
		{"password of another", Credential{User: "anna", Password: "x"}, basic("ben:x"), false},
		{"wrong password", Credential{User: "anna", Password: "x"}, basic("anna:y"), false},
		{"no base64", Credential{Password: "x"}, "Basic x", false},
	} {
		r := httptest.NewRequest(http.MethodGet, "/", nil)
		if test.shown != "" {
			r.Header.Set("Authorization", test.shown)
		}
		if got := test.c.Shown(r); got != test.want {
			t.Errorf("%s: %v", test.name, got)
		}
		r.Header.Set("Authorization", test.c.Header())
		if !test.c.Shown(r) {
			t.Errorf("%s: what it shows does not do: %q", test.name, test.c.Header())
		}
	}
	for scheme, c := range map[string]Credential{"Bearer": {Token: "x"}, "Basic": {User: "anna", Password: "x"}} {
		w := httptest.NewRecorder()
		c.Refuse(w)
		if got := w.Header().Get("WWW-Authenticate"); w.Code != http.StatusUnauthorized || !strings.HasPrefix(got, scheme+" ") {
			t.Errorf("got %d, %q", w.Code, got)
		}
	}
}

func TestDoorsThatAreOpenToAll(t *testing.T) {
	for listen, local := range map[string]bool{
		"127.0.0.1:1": true, "127.9.9.9:1": true, "[::1]:1": true, "localhost:1": true,
		":1": false, "0.0.0.0:1": false, "[::]:1": false, "10.0.0.1:1": false, "door.test:1": false,
	} {
		if err := (Door{Listen: listen}).Check(Credential{}); (err == nil) != local {
			t.Errorf("%s without a secret: %v", listen, err)
		}
		if err := (Door{Listen: listen}).Check(Credential{Password: "x"}); err != nil {
			t.Errorf("%s with a secret: %v", listen, err)
		}
	}
}

func TestHeadersThatCannotBeSent(t *testing.T) {
	own := []string{"Host"}
	for _, test := range []struct {
		name, value string
		c           Credential
		want        string
	}{
		{"X-Door", "front\tdoor", Credential{Token: "x"}, ""},
		{"x_door!", "", Credential{}, ""},
		{"", "x", Credential{}, `"" is no name`},
		{"X Door", "x", Credential{}, `"X Door" is no name`},
		{"X:Door", "x", Credential{}, `"X:Door" is no name`},
		{"Dör", "x", Credential{}, `"Dör" is no name`},
		{"X-Door", "a\nb", Credential{}, "the value of X-Door"},
		{"host", "x", Credential{}, "host is one of the transport's own"},
		{"authorization", "x", Credential{}, ""},
		{"authorization", "x", Credential{Password: "x"}, "headers has Authorization"},
	} {
		err := CheckHeaders(map[string]string{test.name: test.value}, own, test.c)
		if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
			t.Errorf("%q = %q: got %v, want %q", test.name, test.value, err, test.want)
		}
	}
}
