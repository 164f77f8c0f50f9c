package console

import (
	"cmp"
	"crypto/sha256"
	"crypto/subtle"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"slices"
	"strings"
)

// A guard lets in who may see the console. A browser can be made to ask by any
// page that its user looks at, so it matters by which name it asks, and for whom.
type guard struct {
	cfg   Config
	host  string // of the listen address
	wrong *wrongLog
}

func newGuard(cfg Config, wrong *wrongLog) *guard {
	host, _, _ := net.SplitHostPort(cfg.Listen)
	return &guard{cfg: cfg, host: host, wrong: wrong}
}

// wrap refuses what must not reach h, and gives every answer its headers.
func (g *guard) wrap(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		setHeaders(w.Header())
		switch {
		case !g.knows(r):
			// DNS rebinding: a name of somebody else's that leads here.
			http.Error(w, "this console is not called so: its names are set by console.hosts", http.StatusMisdirectedRequest)
		case !ownOrigin(r):
			http.Error(w, "a page of another origin asked", http.StatusForbidden)
		default:
			h.ServeHTTP(w, r)
		}
	})
}

// setHeaders forbids browsers what no answer needs.
func setHeaders(h http.Header) {
	h.Set("Content-Security-Policy", "default-src 'none'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("X-Frame-Options", "DENY")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cross-Origin-Resource-Policy", "same-origin")
	h.Set("Cross-Origin-Opener-Policy", "same-origin")
	h.Set("Cache-Control", "no-store")
}

// knows says whether the request is for a name of ours: localhost, the host that
// is listened on, one of hosts, or the address that the request came in by.
func (g *guard) knows(r *http.Request) bool {
	host := hostOf(r.Host)
	if host == "" {
		return false
	}
	if host == "localhost" || strings.EqualFold(host, g.host) {
		return true
	}
	if slices.ContainsFunc(g.cfg.Hosts, func(name string) bool { return strings.EqualFold(name, host) }) {
		return true
	}
	ip, err := netip.ParseAddr(host)
	local, ok := r.Context().Value(http.LocalAddrContextKey).(net.Addr)
	if err != nil || !ok {
		return false
	}
	at, err := netip.ParseAddrPort(local.String())
	return err == nil && at.Addr().Unmap().WithZone("") == ip.Unmap()
}

// hostOf is a host without its port and brackets, in lower case.
func hostOf(hostport string) string {
	host := hostport
	if h, _, err := net.SplitHostPort(hostport); err == nil {
		host = h
	}
	return strings.ToLower(strings.Trim(host, "[]"))
}

// ownOrigin refuses what a browser asks for the sake of a page of another
// origin, unless its user goes here. Requests by no browser say nothing of it. What
// the browser itself says goes before the origin: behind a proxy the page has
// another address than the one that is asked here.
func ownOrigin(r *http.Request) bool {
	switch r.Header.Get("Sec-Fetch-Site") {
	case "same-origin":
		return true
	case "", "none":
	default:
		visit := r.Header.Get("Sec-Fetch-Mode") == "navigate" && r.Header.Get("Sec-Fetch-Dest") == "document"
		if !visit || r.Method != http.MethodGet {
			return false
		}
	}
	origin := r.Header.Get("Origin")
	if origin == "" {
		return true
	}
	from, err := url.Parse(origin)
	return err == nil && strings.EqualFold(from.Host, r.Host)
}

// authorized says whether the request brings the password or the token, where
// one is set. A browser knows passwords alone: it may bring the token as one where
// there is none.
func (g *guard) authorized(r *http.Request) bool {
	if !g.cfg.guarded() || g.knowsSecret(r) {
		return true
	}
	if r.Header.Get("Authorization") != "" { // browsers bring nothing at first
		g.wrong.add(r.RemoteAddr)
	}
	return false
}

func (g *guard) knowsSecret(r *http.Request) bool {
	if _, password, ok := r.BasicAuth(); ok {
		return same(password, cmp.Or(g.cfg.Password, g.cfg.Token))
	}
	scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	return ok && strings.EqualFold(scheme, "Bearer") && g.cfg.Token != "" && same(token, g.cfg.Token)
}

// same compares in a time that tells neither the secret nor its length.
func same(given, secret string) bool {
	a, b := sha256.Sum256([]byte(given)), sha256.Sum256([]byte(secret))
	return subtle.ConstantTimeCompare(a[:], b[:]) == 1
}

// protect asks for password or token before it lets h answer.
func (g *guard) protect(h http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !g.authorized(r) {
			w.Header().Add("WWW-Authenticate", `Basic realm="Vertigo", charset="UTF-8"`)
			if g.cfg.Token != "" {
				w.Header().Add("WWW-Authenticate", `Bearer realm="Vertigo"`)
			}
			http.Error(w, "password or token missing or wrong", http.StatusUnauthorized)
			return
		}
		h.ServeHTTP(w, r)
	})
}
