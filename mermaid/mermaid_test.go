package mermaid

import "testing"

func TestTextMeansNothing(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"the far end's name: told", "the far end's name#58; told"},
		{"<script>alert(1)</script>", "#60;script#62;alert#40;1#41;#60;/script#62;"},
		{"a;b #35; %% c\nend", "a#59;b #35;35#59; #37;#37; c end"},
		{"Grüße, 電話 *5", "Grüße, 電話 #42;5"},
		{"\x1b[2J", "\ufffd#91;2J"},
	} {
		if got := Text(tt.text); got != tt.want {
			t.Errorf("%q is written %q, want %q", tt.text, got, tt.want)
		}
	}
}

func TestTitle(t *testing.T) {
	if got, want := Title("a \"b\" \\ c\nd"), "---\ntitle: \"a  b    c d\"\n---\n"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
}
