package replay

import "testing"

func TestRewriteChangesWholeTextsOnly(t *testing.T) {
	n := &names{ours: map[string]string{"A": "a\"1", "B": "b"}, differs: true}
	for in, want := range map[string]string{
		`{"k":"A"}`:              `{"k":"a\"1"}`,
		`["A","AB","xA","B"]`:    `["a\"1","AB","xA","b"]`,
		`{"A":"say \"A\" to B"}`: `{"a\"1":"say \"A\" to B"}`,
		`"\\","A"`:               `"\\","a\"1"`,
		`{"k":"open`:             `{"k":"open`,
		`no text at all`:         `no text at all`,
		``:                       ``,
	} {
		if got := string(n.rewrite([]byte(in))); got != want {
			t.Errorf("%s became %s, want %s", in, got, want)
		}
	}
}
