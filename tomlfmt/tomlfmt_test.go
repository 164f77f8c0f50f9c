package tomlfmt

import (
	"errors"
	"path/filepath"
	"strings"
	"testing"

	"github.com/BurntSushi/toml"
	"github.com/google/go-cmp/cmp"
	"github.com/rogpeppe/go-internal/txtar"
)

// Each file in testdata has two parts: a file as somebody wrote it, and its
// layout. The comment above them says what it shows.
func TestFormat(t *testing.T) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		t.Fatal("no test data", err)
	}
	for _, name := range files {
		t.Run(strings.TrimSuffix(filepath.Base(name), ".txtar"), func(t *testing.T) {
			a, err := txtar.ParseFile(name)
			if err != nil {
				t.Fatal(err)
			}
			formats(t, a.Files[0].Data, string(a.Files[1].Data))
			formats(t, a.Files[1].Data, string(a.Files[1].Data))
		})
	}
}

func formats(t *testing.T, src []byte, want string) {
	t.Helper()
	got, err := Format(src)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, string(got)); diff != "" {
		t.Errorf("of\n%s\ncomes (- wanted, + got)\n%s", src, diff)
	}
}

func TestLineEndsAndBlanks(t *testing.T) {
	for _, c := range []struct{ name, src, want string }{
		{"an empty file stays empty", "", ""},
		{"blank lines alone are nothing", "\n \n\t\n", ""},
		{"the last line gets its end", "a = 1", "a = 1\n"},
		{"blanks behind a line go", "a = 1 \t\n# b \t\n", "a = 1\n# b\n"},
		{"line ends of Windows become plain ones", "a = 1\r\n\r\n# b\r\n[c]\r\n", "a = 1\n\n# b\n[c]\n"},
		{"those within a text stay", "a = '''\r\nb\r\n'''\r\n", "a = '''\r\nb\r\n'''\n"},
		{"a byte order mark goes", "\ufeffa=1\n", "a = 1\n"},
		{"quotes at the end of a long text belong to it", "a = \"\"\"b\\\"\"\"\"\"\nc=1\n", "a = \"\"\"b\\\"\"\"\"\"\nc = 1\n"},
		{"a date may have a blank in it", "a=1979-05-27 07:32:00Z#b\n", "a = 1979-05-27 07:32:00Z #b\n"},
		{"a nan is the same as before", "a=nan\n", "a = nan\n"},
	} {
		t.Run(c.name, func(t *testing.T) {
			formats(t, []byte(c.src), c.want)
			formats(t, []byte(c.want), c.want)
		})
	}
}

func TestNoTOML(t *testing.T) {
	_, err := Format([]byte("a = 1\nb = \n"))
	var at toml.ParseError
	if !errors.As(err, &at) || at.Position.Line != 2 {
		t.Errorf("the error is %v, not one of line 2", err)
	}
}

// Whatever is TOML has a layout, which says the same and is its own layout.
func FuzzFormat(f *testing.F) {
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(files) == 0 {
		f.Fatal("no test data", err)
	}
	for _, name := range files {
		a, err := txtar.ParseFile(name)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(a.Files[0].Data)
	}
	f.Add([]byte("a=[ # b\n    # c\n1, # d\n ,2\n\n]#e\n[[f]]\n g.\"h\" . 'i' = {j=1,k={}} # l\n  # m\n"))
	f.Add([]byte("a = { b = [ 1,\n2 ], c = '''\n''' } # d\nee = 2 # f\n\tg=3\t# h\n"))
	f.Add([]byte("0=0#\n000=1000000000000000000 #\n                        #00000000000000000000000000000000000000000\n1=0#\n2=0#"))
	f.Fuzz(func(t *testing.T, src []byte) {
		if len(src) > 4<<10 {
			return // long files take long, and show nothing else
		}
		once, err := Format(src)
		var at toml.ParseError
		if errors.Is(err, errEncoding) || errors.As(err, &at) && !errors.Is(err, errMeaning) {
			return // no TOML
		}
		if err != nil {
			t.Fatal(err)
		}
		twice, err := Format(once)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(string(once), string(twice)); diff != "" {
			t.Errorf("the layout of the layout differs (- first, + second)\n%s", diff)
		}
	})
}
