package link

import "net/url"

// PlainURL gives a URL as logs and findings may show it: without user, query and
// fragment, where secrets stand.
func PlainURL(text string) string {
	u, err := url.Parse(text)
	if err != nil {
		return "that is none"
	}
	if u.Opaque != "" { // without //, so that nobody knows what is what
		return u.Scheme + ":…"
	}
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path, RawPath: u.RawPath}).String()
}
