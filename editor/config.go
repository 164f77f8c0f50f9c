package editor

import "fmt"

// A Setting is a key of vertigo.toml.
type Setting struct {
	Key     string // as in its table; what the user names in capitals
	Form    SettingForm
	Default string // for the reference, Markdown; "" if there is none
	Doc     string // Markdown
	Value   any    // the default as a value; nil if there is none, or none that can be written down
	Values  []string
}

// A SettingForm is what the value of a setting looks like.
type SettingForm int

const (
	SettingText SettingForm = iota
	SettingTexts
	SettingFlag
	SettingNumber
	SettingTime   // "10s"
	SettingTables // [[…]]
	SettingNamed  // { NAME = "text" }
)

// Settings of vertigo.toml, in the order of the reference. A dotted key stands in
// a table: capture.dir in [capture].
var (
	GeneralSettings = []Setting{
		{"rules", SettingTexts, "`[\"rules.toml\"]`", "rule files, and shipped rule sets by name", []string{"rules.toml"}, nil},
		{"state", SettingText, "`\"state\"`", "directory for what must survive a restart: a file for each transport", "state", nil},
		{"capture.dir", SettingText, "none are written", "directory for [captures](#captures-and-dead-letters)", "captures", nil},
		{"capture.raw", SettingFlag, "`false`", "secrets, and what people write, too", nil, nil},
		{"calllog.file", SettingText, "`calls.ndjson` in `state`", "file for [call records](#call-records); `\"off\"`: none", nil, nil},
		{"reload.watch", SettingFlag, "`false`", "reload when a rule file has changed", nil, nil},
		{"log.level", SettingText, "`\"info\"`", "`debug`, `info`, `warn`, `error`", nil, []string{"debug", "info", "warn", "error"}},
		{"log.format", SettingText, "`\"text\"`", "or `json`", nil, []string{"text", "json"}},
		{"console.listen", SettingText, "there is none", "address and port of the [console](#the-console)", "127.0.0.1:7480", nil},
		{"console.password", SettingText, "", "what a browser asks for, with any user name", "env:VERTIGO_CONSOLE_PASSWORD", nil},
		{"console.token", SettingText, "", "what programs show: `Authorization: Bearer TOKEN`; without a password also what a browser asks for", "env:VERTIGO_CONSOLE_TOKEN", nil},
		{"console.hosts", SettingTexts, "", "names by which the console is called, beside `localhost` and its address", nil, nil},
		{"traces.endpoint", SettingText, "nothing is traced", "base URL of the OTLP/HTTP receiver of [traces](#traces)", "http://127.0.0.1:4318", nil},
		{"traces.headers", SettingNamed, "", "headers of what is sent there, by name", nil, nil},
		{"traces.one_in", SettingNumber, "1", "of so many calls one is traced", 1, nil},
		{"traces.personal", SettingFlag, "`false`", "numbers, users and the texts of errors too", nil, nil},
	}

	// TransportSettings are those of all kinds.
	TransportSettings = []Setting{
		{"kind", SettingText, "", "`\"matrix\"`, `\"verto\"`, or [of any peer that speaks JSON](transports.md) `\"ws-json\"`, `\"http-json\"`", nil, []string{"matrix", "verto", "ws-json", "http-json"}},
		{"group", SettingText, "the kind of `matrix` and `verto`, for others none", "what rules may call it beside its name. Several servers of one group share the new calls", nil, nil},
	}

	// KindSettings are those of each kind of transport.
	KindSettings = map[string][]Setting{
		"matrix": {
			{"mode", SettingText, "`\"bot\"`", "or `\"appservice\"`", nil, []string{"bot", "appservice"}},
			{"homeserver", SettingText, "", "base URL", nil, nil},
			{"user", SettingText, "", "the bridge's own user, a full Matrix id", nil, nil},
			{"token", SettingText, "", "for a bot alone: its access token; or", "env:VERTIGO_MATRIX_TOKEN", nil},
			{"password", SettingText, "", "its password. With that the transport logs in at each start, as the same device", "env:VERTIGO_MATRIX_PASSWORD", nil},
			{"registration", SettingText, "", "for an application service, as the next three: path of the registration file", "registration.yaml", nil},
			{"listen", SettingText, "`\"127.0.0.1:29328\"`", "address and port where the homeserver reaches Vertigo", "127.0.0.1:29328", nil},
			{"url", SettingText, "`http://` and `listen`", "the same, as the homeserver sees it. Needed where `listen` is all addresses (`\":29328\"`)", nil, nil},
			{"ghosts", SettingText, "`\"tel_\"`", "what the names of the numbers' users begin with: lower case letters, digits and `. _ = - /`. The bridge's own user must not begin so", "tel_", nil},
			{"ca_file", SettingText, "", "PEM file of CAs to trust beside the system's", nil, nil},
			{"send_timeout", SettingTime, "`\"60s\"`", "how long an event may wait to be sent, through rate limits and network faults", "60s", nil},
		},
		"verto": {
			{"url", SettingText, "", "`ws://HOST:8081` or `wss://HOST:8082` for a FreeSWITCH as delivered", nil, nil},
			{"login", SettingText, "", "the account, as mod_verto knows it: `USER@DOMAIN`", nil, nil},
			{"password", SettingText, "", "the password of that account", "env:VERTIGO_VERTO_PASSWORD", nil},
			{"account", SettingTables, "", "further accounts, `login` and `password` each", nil, nil},
			{"ca_file", SettingText, "", "PEM file of the CAs to trust, in place of the system's", nil, nil},
			{"insecure_skip_verify", SettingFlag, "`false`", "take any certificate; warns", nil, nil},
			{"max_message", SettingNumber, "1 MiB", "bytes of one message of the server", 1 << 20, nil},
			{"reply_timeout", SettingTime, "`\"10s\"`", "how long a request may go without a reply", "10s", nil},
			{"detach_timeout", SettingTime, "`\"120s\"`", "as the server's `detach-timeout-sec`: how long it keeps a call whose socket is lost", "120s", nil},
			{"pace", SettingTime, "`\"60ms\"`", "the pause after a burst of requests in which the server sends its own", "60ms", nil},
		},
		"ws-json": {
			{"protocol", SettingText, "the group, or the name", "the `[protocol.NAME]` of the rules that says how messages are laid out", nil, nil},
			{"url", SettingText, "", "`ws://HOST:PORT/PATH` or `wss://…` of a server to connect to; or", nil, nil},
			{"listen", SettingText, "", "address and port where clients connect. On any other address than this machine's own with a `token` or a `password`", "127.0.0.1:7490", nil},
			{"subprotocol", SettingText, "none", "the WebSocket subprotocol that is asked for, or that clients must ask for", nil, nil},
			{"token", SettingText, "", "what is shown to the server, or what clients must show: `Authorization: Bearer TOKEN`; or", "env:VERTIGO_PEER_TOKEN", nil},
			{"user", SettingText, "with `listen`: any", "a user name, for HTTP basic authentication", nil, nil},
			{"password", SettingText, "", "the password for that", "env:VERTIGO_PEER_PASSWORD", nil},
			{"headers", SettingNamed, "", "with `url`: further headers of the handshake, by name", nil, nil},
			{"ca_file", SettingText, "", "with `url`: PEM file of the CAs to trust, in place of the system's", nil, nil},
			{"path", SettingText, "`\"/\"`", "with `listen`: the path that clients ask for", "/", nil},
			{"cert_file", SettingText, "plain HTTP", "with `listen`: PEM file of the certificate, for TLS; and", nil, nil},
			{"key_file", SettingText, "", "that of its key", nil, nil},
			{"clients", SettingNumber, "16", "with `listen`: how many may be connected at once. Of `1` [who comes back](transports.md#clients-that-connect) is who was there", 16, nil},
			{"ping", SettingTime, "`\"30s\"`", "the time between two pings. A peer from which nothing is heard for twice as long is gone", "30s", nil},
			{"max_message", SettingNumber, "1 MiB", "bytes of one message of the peer", 1 << 20, nil},
			{"request_timeout", SettingTime, "`\"10s\"`", "how long a message may go without an answer, where the protocol has answers", "10s", nil},
		},
		"http-json": {
			{"protocol", SettingText, "the group, or the name", "the `[protocol.NAME]` of the rules that says how messages are laid out", nil, nil},
			{"url", SettingText, "", "`http://HOST:PORT/PATH` or `https://…` of a server that messages are sent to; or, or and", nil, nil},
			{"listen", SettingText, "", "address and port where requests come. On any other address than this machine's own with a `token` or a `password`", "127.0.0.1:7491", nil},
			{"token", SettingText, "", "what those who come must show, or without `listen` what is shown at `url`: `Authorization: Bearer TOKEN`; or", "env:VERTIGO_PEER_TOKEN", nil},
			{"user", SettingText, "with `listen`: any", "a user name, for HTTP basic authentication", nil, nil},
			{"password", SettingText, "", "the password for that", "env:VERTIGO_PEER_PASSWORD", nil},
			{"method", SettingText, "`\"POST\"`", "with `url`: or `\"PUT\"`, `\"PATCH\"`", "POST", []string{"POST", "PUT", "PATCH"}},
			{"headers", SettingNamed, "", "with `url`: headers of each request, by name", nil, nil},
			{"ca_file", SettingText, "", "with `url`: PEM file of the CAs to trust, in place of the system's", nil, nil},
			{"timeout", SettingTime, "`\"10s\"`", "with `url`: how long one request may take", "10s", nil},
			{"retry_for", SettingTime, "`\"15m\"`", "with `url`: how long a message may wait to be taken", "15m", nil},
			{"path", SettingText, "`\"/\"`", "with `listen`: requests come there, and below", "/", nil},
			{"cert_file", SettingText, "plain HTTP", "with `listen`: PEM file of the certificate, for TLS; and", nil, nil},
			{"key_file", SettingText, "", "that of its key", nil, nil},
			{"max_message", SettingNumber, "1 MiB", "bytes of the body of a request, or of an answer", 1 << 20, nil},
		},
	}

	// LimitSettings are those of [limits].
	LimitSettings = []Setting{
		limitSetting("message_bytes", 1<<20, "bytes of one message. A larger one fails. A Verto server's is bounded by `max_message` before, a Matrix event's by the 64 KiB of the specification"),
		limitSetting("calls", 10_000, "calls at once. The rule that would begin one more fails; the shipped rules refuse more than 100"),
		limitSetting("buffer_items", 256, "items that a buffer holds, where it sets no limit. Full, it speaks; what is too much is left out"),
		limitSetting("buffer_bytes", 1<<20, "bytes that a buffer holds, likewise"),
		limitSetting("sends", 64, "messages that one rule sends. Beyond it the rule fails"),
		limitSetting("keys", 64, "keys of one call. Beyond it the rule fails. As many an [index](rules.md#indexes) finds a call under; beyond them, under none"),
		limitSetting("loops", 64, "messages of the engine about one call at one instant. What is too much fails"),
		limitSetting("waiting_per_call", 64, "messages that wait for one call to begin. A further one fails"),
		limitSetting("waiting", 10_000, "messages that wait for their calls to begin, in all. A further one fails"),
		limitSetting("waiting_bytes", 16<<20, "bytes of all that wait. A further message fails"),
		{"wait_for", SettingTime, "`\"30s\"`", "how long they wait. Then they are unmatched", "30s", nil},
		{"remember_ended", SettingTime, "`\"5m\"`", "how long an ended call's keys are known, so that what comes late begins nothing", "5m", nil},
		{"call_age", SettingTime, "`\"12h\"`", "age of a call. Then it is ended: `engine call.stop`", "12h", nil},
	}
)

func limitSetting(key string, most int, doc string) Setting {
	return Setting{key, SettingNumber, fmt.Sprint(most), doc, most, nil}
}
