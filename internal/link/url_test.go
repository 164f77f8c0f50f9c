package link

import "testing"

func TestURLsAreShownWithoutSecrets(t *testing.T) {
	for text, want := range map[string]string{
		"wss://door.test:8443/a%2Fb?access_token=hunter2": "wss://door.test:8443/a%2Fb",
		"https://anna:hunter2@door.test/#hunter2":         "https://door.test/",
		"anna:hunter2@door.test":                          "anna:…",
		"ws://door.test":                                  "ws://door.test",
		"ws://hunter2@[/":                                 "that is none",
		"":                                                "",
	} {
		if got := PlainURL(text); got != want {
			t.Errorf("%s: got %s, want %s", text, got, want)
		}
	}
}
