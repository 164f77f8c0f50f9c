package e2e_test

import (
	"testing"

	"vertigo/transports/matrix/dendritetest"
	"vertigo/transports/matrix/hometest"
	"vertigo/transports/verto/vertotest"
)

// What `vertigo init` writes is all that a bridge needs, beside the secrets that
// it names.
func TestWhatInitWritesBridgesACall(t *testing.T) {
	home := dendritetest.Start(t)
	s := &site{home: home, bot: home.Register(t, "phone", "password-of-the-bot")}
	planted.credential("the bot's token", s.bot.Token)
	s.pbx = vertotest.NewServer(vertotest.Options{})
	closeLater(t, s.pbx)
	s.bridge = newBridge(t)
	s.bridge.Env = append(s.bridge.Env, "VERTIGO_MATRIX_TOKEN="+s.bot.Token, "VERTIGO_VERTO_PASSWORD=1234")
	for _, args := range [][]string{
		{
			"init", "--mode", "bot", "--homeserver", home.URL, "--server", hometest.ServerName, "--user", "phone",
			"--pbx", s.pbx.URL, "--login", login, "--country", "GB", "--emergency", "refuse",
		},
		{"check"},
	} {
		cmd := s.bridge.Command(args...)
		if out, err := cmd.CombinedOutput(); err != nil {
			t.Fatalf("vertigo %v: %v\n%s", args, err, out)
		}
	}
	s.bridge.Start(t)
	s.bridge.StopsWith(t)
	s.bridge.WaitLine(t, 0, "connected to the homeserver", "transport=matrix")
	s.bridge.WaitLine(t, 0, "msg=connected", "transport=pbx")
	talking(t, s, home.Register(t, "anna", "password-of-anna")).hangUp()
	if _, err := s.pbx.WaitCall(soon(t), func(call vertotest.Call) bool { return call.State == vertotest.Ended }); err != nil {
		t.Fatal(err)
	}
}
