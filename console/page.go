package console

import (
	"embed"
	"io/fs"
	"net/http"
)

//go:embed page
var pages embed.FS

// pagePolicy is what a browser lets the page do: run and show what comes from
// where it came from, and ask there.
const pagePolicy = "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; connect-src 'self'; " +
	"base-uri 'none'; form-action 'none'; frame-ancestors 'none'"

// Page serves the page at /console/, and leads there from /. What it shows it asks
// for at /api/ beside it. Whoever serves it guards it.
func Page() http.Handler {
	root, err := fs.Sub(pages, "page")
	if err != nil {
		panic(err) // it is embedded above
	}
	files := http.StripPrefix("/console/", http.FileServerFS(root))
	mux := http.NewServeMux()
	mux.HandleFunc("GET /console/", func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Security-Policy", pagePolicy)
		files.ServeHTTP(w, r)
	})
	mux.HandleFunc("GET /{$}", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Location", "console/") // as it is: there may be a path before, of a proxy's
		w.WriteHeader(http.StatusFound)
	})
	return mux
}
