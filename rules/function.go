package rules

import (
	"fmt"
	"time"

	"vertigo/rules/sdp"
	"vertigo/schema"
)

// A Function is one that expressions can call beside expr's own. It is pure: the
// same arguments always give the same result.
type Function struct {
	Name      string
	Signature string // how it is called: "e164(number, country)"
	Doc       string // what it gives, in sentences
	Example   string // an expression that calls it
	Result    string // what the example gives: as JSON, a duration as "1m30s"

	// Types are pointers to func types, for expr.Function: an argument that can
	// be known to be wrong when the rules are loaded is refused then.
	Types []any
	// Items are what a list that it gives holds; nil: that is not known.
	Items *schema.Type
	// Call checks its arguments again, since most are known at run time only: a
	// wrong one is an error, never a panic. Any goroutine may call it.
	Call func(args ...any) (any, error)
}

// Functions are the functions of the rule language, in the order in which they
// are documented.
var Functions = []Function{
	{
		Name:      "sdpWithCandidates",
		Signature: "sdpWithCandidates(sdp, candidates)",
		Doc:       "The SDP with trickled ICE candidates folded in, each at the end of its section. Candidates that it has already, end markers and those for a section that does not exist are left out.",
		Example:   `sdpWithCandidates("v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\n", [{"candidate": "candidate:1 1 udp 1 192.0.2.1 5000 typ host", "sdpMLineIndex": 0}])`,
		Result:    `"v=0\r\nm=audio 9 UDP/TLS/RTP/SAVPF 0\r\na=candidate:1 1 udp 1 192.0.2.1 5000 typ host\r\n"`,
		Types:     []any{new(func(string, []any) string)},
		Call:      call2("sdpWithCandidates", sdp.WithCandidates),
	},
	{
		Name:      "sdpCandidates",
		Signature: "sdpCandidates(sdp)",
		Doc:       "The ICE candidates that an SDP holds, as m.call.candidates lists them.",
		Example:   `sdpCandidates("v=0\nm=audio 9 UDP/TLS/RTP/SAVPF 0\na=mid:a\na=candidate:1 1 udp 1 192.0.2.1 5000 typ host")`,
		Result:    `[{"candidate":"candidate:1 1 udp 1 192.0.2.1 5000 typ host","sdpMLineIndex":0,"sdpMid":"a"}]`,
		Types:     []any{new(func(string) []any)},
		Items:     &candidateItem,
		Call:      call1("sdpCandidates", always1(sdp.Candidates)),
	},
	{
		Name:      "sdpMedia",
		Signature: "sdpMedia(sdp)",
		Doc:       "The sections of an SDP, in order: kind, port, direction, mid, protocol and whether it is rejected.",
		Example:   `map(sdpMedia("v=0\nm=audio 9 RTP/AVP 0\na=sendonly\nm=video 0 RTP/AVP 96"), [.kind, .direction, .rejected])`,
		Result:    `[["audio","sendonly",false],["video","sendrecv",true]]`,
		Types:     []any{new(func(string) []any)},
		Items:     &sectionItem,
		Call:      call1("sdpMedia", always1(sdp.Media)),
	},
	{
		Name:      "sdpDirection",
		Signature: "sdpDirection(sdp)",
		Doc:       `The direction of the first audio section that is not rejected: sendrecv, sendonly, recvonly or inactive; "" if there is none.`,
		Example:   `sdpDirection("v=0\nm=audio 9 RTP/AVP 0\na=sendonly")`,
		Result:    `"sendonly"`,
		Types:     []any{new(func(string) string)},
		Call:      call1("sdpDirection", always1(sdp.Direction)),
	},
	{
		Name:      "sdpAnswerDirection",
		Signature: "sdpAnswerDirection(offer)",
		Doc:       "The direction that an answer to the offer has if it follows it in every wish: recvonly for sendonly, and so on.",
		Example:   `sdpAnswerDirection("v=0\nm=audio 9 RTP/AVP 0\na=sendonly")`,
		Result:    `"recvonly"`,
		Types:     []any{new(func(string) string)},
		Call:      call1("sdpAnswerDirection", always1(sdp.AnswerDirection)),
	},
	{
		Name:      "sdpHold",
		Signature: "sdpHold(sdp)",
		Doc:       "Whether an offer asks for hold: every section that is not rejected is sendonly or inactive.",
		Example:   `sdpHold("v=0\nm=audio 9 RTP/AVP 0\na=sendonly")`,
		Result:    `true`,
		Types:     []any{new(func(string) bool)},
		Call:      call1("sdpHold", always1(sdp.Hold)),
	},
	{
		Name:      "sdpUfrag",
		Signature: "sdpUfrag(sdp)",
		Doc:       `The ICE user name of the first audio section that is not rejected: it changes when the client restarts ICE, and not when it holds or resumes. "" if there is none.`,
		Example:   `sdpUfrag("v=0\nm=audio 9 UDP/TLS/RTP/SAVPF 0\na=ice-ufrag:LmjS")`,
		Result:    `"LmjS"`,
		Types:     []any{new(func(string) string)},
		Call:      call1("sdpUfrag", always1(sdp.Ufrag)),
	},
	{
		Name:      "sdpUsable",
		Signature: "sdpUsable(sdp, candidates)",
		Doc:       "Whether the audio section has a candidate, in the SDP or in the list, that FreeSWITCH can begin with: UDP, with an IP address.",
		Example:   `sdpUsable("v=0\nm=audio 9 UDP/TLS/RTP/SAVPF 0", [{"candidate": "candidate:1 1 tcp 1 192.0.2.1 9 typ host", "sdpMLineIndex": 0}])`,
		Result:    `false`,
		Types:     []any{new(func(string, []any) bool)},
		Call:      call2("sdpUsable", func(s string, c []any) (bool, error) { return sdp.Usable(s, c), nil }),
	},
	{
		Name:      "iceComplete",
		Signature: `iceComplete(sdp, candidates, policy = "first")`,
		Doc:       `Whether an offer and the candidates that trickled in so far can go to FreeSWITCH: with the end marker always, else by the policy. "first": a usable IPv4 candidate is there; "any": a usable one, IPv6 too; "relay": one of typ srflx or relay; "quiet": never.`,
		Example:   `iceComplete("v=0\nm=audio 9 UDP/TLS/RTP/SAVPF 0", [{"candidate": "candidate:1 1 udp 1 192.0.2.1 5000 typ host", "sdpMLineIndex": 0}])`,
		Result:    `true`,
		Types:     []any{new(func(string, []any) bool), new(func(string, []any, string) bool)},
		Call:      iceComplete,
	},
	{
		Name:      "sdpAudioOnly",
		Signature: "sdpAudioOnly(sdp)",
		Doc:       "A browser's offer as FreeSWITCH is to have it: the session part and the first audio section that is not rejected.",
		Example:   `sdpAudioOnly("v=0\nm=video 9 UDP/TLS/RTP/SAVPF 96\nm=audio 9 UDP/TLS/RTP/SAVPF 0\n")`,
		Result:    `"v=0\nm=audio 9 UDP/TLS/RTP/SAVPF 0\n"`,
		Types:     []any{new(func(string) string)},
		Call:      call1("sdpAudioOnly", sdp.AudioOnly),
	},
	{
		Name:      "sdpAnswer",
		Signature: "sdpAnswer(offer, answer)",
		Doc:       "FreeSWITCH's answer as the browser that made the offer is to have it: a section for each one offered, with its mid, all but audio refused, and the BUNDLE group if it offered one.",
		Example:   `sdpAnswer("v=0\na=group:BUNDLE a\nm=audio 9 UDP/TLS/RTP/SAVPF 0\na=mid:a\n", "v=0\nm=audio 5000 UDP/TLS/RTP/SAVPF 0\n")`,
		Result:    `"v=0\na=group:BUNDLE a\nm=audio 5000 UDP/TLS/RTP/SAVPF 0\na=mid:a\n"`,
		Types:     []any{new(func(string, string) string)},
		Call:      call2("sdpAnswer", sdp.Answer),
	},
	{
		Name:      "sdpOffer",
		Signature: "sdpOffer(sdp, mid)",
		Doc:       "FreeSWITCH's offer as a browser is to have it: the audio section alone, called mid, and bundled.",
		Example:   `sdpOffer("v=0\nm=audio 5000 UDP/TLS/RTP/SAVPF 0\n", "0")`,
		Result:    `"v=0\na=group:BUNDLE 0\nm=audio 5000 UDP/TLS/RTP/SAVPF 0\na=mid:0\n"`,
		Types:     []any{new(func(string, string) string)},
		Call:      call2("sdpOffer", sdp.Offer),
	},
	{
		Name:      "sdpTelephoneEvent",
		Signature: "sdpTelephoneEvent(sdp)",
		Doc:       "Whether the first audio section that is not rejected has telephone-event (RFC 4733): whether keys that are pressed go along in the sound.",
		Example:   `sdpTelephoneEvent("v=0\nm=audio 9 RTP/AVP 0 101\na=rtpmap:101 telephone-event/8000")`,
		Result:    `true`,
		Types:     []any{new(func(string) bool)},
		Call:      call1("sdpTelephoneEvent", always1(sdp.TelephoneEvent)),
	},
	{
		Name:      "sdpWithTelephoneEvent",
		Signature: "sdpWithTelephoneEvent(sdp)",
		Doc:       "FreeSWITCH's offer with telephone-event in its audio section, at the clock rate of the first codec: FreeSWITCH itself offers none. As it is, if it has that already or no payload type is free.",
		Example:   `sdpWithTelephoneEvent("v=0\nm=audio 9 UDP/TLS/RTP/SAVPF 0\n")`,
		Result:    `"v=0\nm=audio 9 UDP/TLS/RTP/SAVPF 0 110\na=rtpmap:110 telephone-event/8000\n"`,
		Types:     []any{new(func(string) string)},
		Call:      call1("sdpWithTelephoneEvent", sdp.WithTelephoneEvent),
	},
	{
		Name:      "sdpWithDirection",
		Signature: "sdpWithDirection(sdp, direction)",
		Doc:       "The SDP with the direction of every section that is not rejected: sendrecv, sendonly, recvonly or inactive.",
		Example:   `sdpWithDirection("v=0\nm=audio 9 RTP/AVP 0\na=sendrecv\n", "recvonly")`,
		Result:    `"v=0\nm=audio 9 RTP/AVP 0\na=recvonly\n"`,
		Types:     []any{new(func(string, string) string)},
		Call:      call2("sdpWithDirection", sdp.WithDirection),
	},
	{
		Name:      "sdpWithSetup",
		Signature: "sdpWithSetup(sdp, role)",
		Doc:       "The SDP with the DTLS role in every section that is not rejected: active, passive, actpass or holdconn.",
		Example:   `sdpWithSetup("v=0\nm=audio 9 UDP/TLS/RTP/SAVPF 0\na=setup:actpass\n", "active")`,
		Result:    `"v=0\nm=audio 9 UDP/TLS/RTP/SAVPF 0\na=setup:active\n"`,
		Types:     []any{new(func(string, string) string)},
		Call:      call2("sdpWithSetup", sdp.WithSetup),
	},
	{
		Name:      "sdpWithAddress",
		Signature: "sdpWithAddress(sdp)",
		Doc:       "The SDP with the address of a usable candidate where a c= line says 0.0.0.0 or ::, which FreeSWITCH takes for hold in an answer.",
		Example:   `sdpWithAddress("v=0\nm=audio 9 RTP/AVP 0\nc=IN IP4 0.0.0.0\na=candidate:1 1 udp 1 192.0.2.1 5000 typ host\n")`,
		Result:    `"v=0\nm=audio 9 RTP/AVP 0\nc=IN IP4 192.0.2.1\na=candidate:1 1 udp 1 192.0.2.1 5000 typ host\n"`,
		Types:     []any{new(func(string) string)},
		Call:      call1("sdpWithAddress", sdp.WithAddress),
	},
	{
		Name:      "sdpNextVersion",
		Signature: "sdpNextVersion(sdp)",
		Doc:       "The SDP with the version in its o= line raised by one, as each new description of a session must have it.",
		Example:   `sdpNextVersion("v=0\no=- 7 41 IN IP4 192.0.2.1\n")`,
		Result:    `"v=0\no=- 7 42 IN IP4 192.0.2.1\n"`,
		Types:     []any{new(func(string) string)},
		Call:      call1("sdpNextVersion", sdp.NextVersion),
	},
	{
		Name:      "sdpAfter",
		Signature: "sdpAfter(sdp, last)",
		Doc:       "The SDP as the one that follows last in the same session: with the o= line of last, its version raised by one.",
		Example:   `sdpAfter("v=0\no=FreeSWITCH 1 1 IN IP4 192.0.2.1\n", "v=0\no=- 7 41 IN IP4 192.0.2.9\n")`,
		Result:    `"v=0\no=- 7 42 IN IP4 192.0.2.9\n"`,
		Types:     []any{new(func(string, string) string)},
		Call:      call2("sdpAfter", sdp.After),
	},
	{
		Name:      "sdpWithFingerprintAltered",
		Signature: "sdpWithFingerprintAltered(sdp)",
		Doc:       "The SDP with the first hex pair of every DTLS fingerprint changed: offered to a browser, it makes a new handshake.",
		Example:   `sdpWithFingerprintAltered("v=0\na=fingerprint:sha-256 00:11\n") != "v=0\na=fingerprint:sha-256 00:11\n"`,
		Result:    `true`,
		Types:     []any{new(func(string) string)},
		Call:      call1("sdpWithFingerprintAltered", sdp.WithFingerprintAltered),
	},
	{
		Name:      "uuid5",
		Signature: "uuid5(parts…)",
		Doc:       "A UUID, version 5, made of texts and whole numbers: the same parts always give the same one, others another.",
		Example:   `uuid5("!room:example.org", 7)`,
		Result:    `"e06075ff-aa6e-5b97-ada3-0ee0d72104af"`,
		Types:     []any{new(func(any, ...any) string)},
		Call:      uuid5,
	},
	{
		Name:      "localpart",
		Signature: "localpart(mxid)",
		Doc:       "What stands before the server in a Matrix id such as @alice:example.org (or #alias:…); nil if the text is none.",
		Example:   `localpart("@alice:example.org")`,
		Result:    `"alice"`,
		Types:     []any{new(func(string) any)},
		Call:      call1("localpart", localpart),
	},
	{
		Name:      "server",
		Signature: "server(mxid)",
		Doc:       "The server in a Matrix id, with its port if it has one; nil if the text is none.",
		Example:   `server("@alice:[2001:db8::1]:8448")`,
		Result:    `"[2001:db8::1]:8448"`,
		Types:     []any{new(func(string) any)},
		Call:      call1("server", server),
	},
	{
		Name:      "mxidEscape",
		Signature: "mxidEscape(text)",
		Doc:       "The text as the localpart of a Matrix user id can hold it, by the mapping of the Matrix specification: A becomes _a, _ becomes __, and what is not allowed =, and its hexadecimal bytes.",
		Example:   `mxidEscape("Büro +49_30")`,
		Result:    `"_b=c3=bcro=20+49__30"`,
		Types:     []any{new(func(string) string)},
		Call:      call1("mxidEscape", always1(mxidEscape)),
	},
	{
		Name:      "mxidUnescape",
		Signature: "mxidUnescape(text)",
		Doc:       "The text that mxidEscape made the localpart of; nil if it cannot have made it.",
		Example:   `mxidUnescape("_b=c3=bcro=20+49__30")`,
		Result:    `"Büro +49_30"`,
		Types:     []any{new(func(string) any)},
		Call:      call1("mxidUnescape", mxidUnescape),
	},
	{
		Name:      "urlEscape",
		Signature: "urlEscape(text)",
		Doc:       "The text as one segment of the path of a URL, or a value of its query, can hold it: what is no letter, no digit and none of - . _ ~ becomes % and its hexadecimal bytes.",
		Example:   `urlEscape("+49 30/1?a=b")`,
		Result:    `"%2B49%2030%2F1%3Fa%3Db"`,
		Types:     []any{new(func(string) string)},
		Call:      call1("urlEscape", always1(urlEscape)),
	},
	{
		Name:      "e164",
		Signature: "e164(number, country)",
		Doc:       `A telephone number, as people write it in a country ("DE"), in international form; nil if the country's numbering plan has no such number, as with short codes and extensions. With "" for the country, only numbers that begin with + are known.`,
		Example:   `[e164("030 / 1234 5678", "DE"), e164("+1 (202) 555-0123", "DE"), e164("110", "DE")]`,
		Result:    `["+493012345678","+12025550123",null]`,
		Types:     []any{new(func(string, string) any)},
		Call:      call2("e164", e164),
	},
	{
		Name:      "phoneNumber",
		Signature: "phoneNumber(text, country)",
		Doc:       `What somebody typed, or a PBX shows, as one number: in international form if the numbering plan of the country allows it, as e164 gives it; else what can be dialled of it: digits, * and #, after a + that may lead them, without spaces, brackets, dots, slashes and hyphens. nil if nothing is left, more than 64 characters, or if the text holds anything else, such as letters. Of tel: and sip: URIs it takes the number.`,
		Example:   `[phoneNumber("+44 (0)20 7123 4567", "DE"), phoneNumber("tel:020-7123-4567;ext=5", "GB"), phoneNumber("sip:9196@pbx.example.org", "GB"), phoneNumber("*100#", "GB"), phoneNumber("anonymous", "GB")]`,
		Result:    `["+442071234567","+442071234567","9196","*100#",null]`,
		Types:     []any{new(func(string, string) any)},
		Call:      call2("phoneNumber", phoneNumber),
	},
	{
		Name:      "numberType",
		Signature: "numberType(number, country)",
		Doc:       `What kind of number it is, by the numbering plan: "fixed_line", "mobile", "fixed_line_or_mobile" (where these look alike), "toll_free", "premium_rate", "shared_cost", "voip", "personal", "pager", "uan" (of a company), "voicemail" or "unknown". A number with digits too many counts without them, as networks connect it. What is no number there is "unknown" too.`,
		Example:   `[numberType("+447400123456", ""), numberType("0900 1234567", "DE"), numberType("9196", "DE")]`,
		Result:    `["mobile","premium_rate","unknown"]`,
		Types:     []any{new(func(string, string) string)},
		Call:      call2("numberType", numberType),
	},
	{
		Name:      "emergencyNumber",
		Signature: "emergencyNumber(number, country)",
		Doc:       `Whether emergency services have that number, dialled in the country; false for "".`,
		Example:   `[emergencyNumber("999", "GB"), emergencyNumber("999", "DE"), emergencyNumber("191", "TH")]`,
		Result:    `[true,false,true]`,
		Types:     []any{new(func(string, string) bool)},
		Call:      call2("emergencyNumber", emergencyNumber),
	},
	{
		Name:      "numberCountry",
		Signature: "numberCountry(number)",
		Doc:       `The country that a number in international form belongs to; nil if it is none that a numbering plan allows, or of no country, such as +800 ones. Of countries that share a calling code it is the right one.`,
		Example:   `[numberCountry("+442071234567"), numberCountry("+441481960194"), numberCountry("+80012345678"), numberCountry("9196")]`,
		Result:    `["GB","GG",null,null]`,
		Types:     []any{new(func(string) any)},
		Call:      call1("numberCountry", numberCountry),
	},
	{
		Name:      "formatNumber",
		Signature: "formatNumber(number, country)",
		Doc:       `The number as people write it: as within the country, if it has the same calling code, else in international form. What no numbering plan allows stays as it is.`,
		Example:   `[formatNumber("+442071234567", "GB"), formatNumber("+442071234567", "DE"), formatNumber("9196", "GB")]`,
		Result:    `["020 7123 4567","+44 20 7123 4567","9196"]`,
		Types:     []any{new(func(string, string) string)},
		Call:      call2("formatNumber", formatNumber),
	},
	{
		Name:      "callingCode",
		Signature: "callingCode(country)",
		Doc:       `What numbers of a country begin with in international form; nil for "". A country that does not exist is an error.`,
		Example:   `callingCode("GB")`,
		Result:    `"+44"`,
		Types:     []any{new(func(string) any)},
		Call:      call1("callingCode", callingCode),
	},
	{
		Name:      "prefix",
		Signature: "prefix(table, number)",
		Doc:       "The value of the longest key of the table that the number begins with, nil if there is none. A [table.NAME] that is for this says match = \"prefix\".",
		Example:   `prefix({"49": "Germany", "4930": "Berlin"}, "493012345678")`,
		Result:    `"Berlin"`,
		Types:     []any{new(func(map[string]any, string) any), new(func(*Table, string) any)},
		Call:      prefix,
	},
	{
		Name:      "regex",
		Signature: "regex(pattern, text)",
		Doc:       `What a regular expression (RE2) finds in the text: its named groups that took part, and the whole match as "0"; nil if it finds nothing.`,
		Example:   `regex('^sip:(?P<user>[^@]+)@', "sip:alice@example.org")`,
		Result:    `{"0":"sip:alice@","user":"alice"}`,
		Types:     []any{new(func(string, string) map[string]any)},
		Call:      call2("regex", matchRegex),
	},
	{
		Name:      "duration",
		Signature: "duration(n, unit)",
		Doc:       `A span of time, for timers: n of the unit "ms", "s", "m" or "h". It cannot be negative.`,
		Example:   `duration(90, "s")`,
		Result:    `1m30s`,
		Types:     []any{new(func(int, string) time.Duration), new(func(float64, string) time.Duration)},
		Call:      duration,
	},
	{
		Name:      "timezone",
		Signature: "timezone(name)",
		Doc:       `A time zone of the IANA database, for the hour that it is somewhere: now.In(timezone("Europe/London")).Hour(). Daylight saving time counts.`,
		Example:   `date("2026-07-01 12:00:00").In(timezone("Europe/London")).Format("15:04")`,
		Result:    `"13:00"`,
		Types:     []any{new(func(string) *time.Location)},
		Call:      call1("timezone", zones.get),
	},
	{
		Name:      "milliseconds",
		Signature: "milliseconds(duration)",
		Doc:       "A span of time, or text that says one as timers take it, in whole milliseconds, as Matrix counts them.",
		Example:   `milliseconds("1m") - milliseconds(duration(1.5, "s"))`,
		Result:    `58500`,
		Types:     []any{new(func(time.Duration) int), new(func(string) int)},
		Call:      milliseconds,
	},
	{
		Name:      "redact",
		Signature: "redact(text)",
		Doc:       "The text with the secrets of any SDP in it (ICE passwords, fingerprints, SDES keys) replaced.",
		Example:   `redact("a=ice-pwd:0123456789abcdef")`,
		Result:    `"a=ice-pwd:redacted"`,
		Types:     []any{new(func(string) string)},
		Call:      call1("redact", always1(sdp.Redact)),
	},
}

// What the lists of functions hold.
var (
	candidateItem = schema.Table(
		schema.Need("candidate", schema.Of(schema.Text), "The candidate, without a=."),
		schema.Need("sdpMLineIndex", schema.Of(schema.Integer), "Its section, counted from 0."),
		schema.May("sdpMid", schema.Of(schema.Text), "The mid of its section, if that has one."),
	)
	sectionItem = schema.Table(
		schema.Need("kind", schema.Known("audio", "video", "application", "text", "message", "image"), "What it carries."),
		schema.Need("port", schema.Of(schema.Integer), "Its port."),
		schema.Need("direction", schema.One("sendrecv", "sendonly", "recvonly", "inactive"), "Its direction, or that of the session."),
		schema.Need("mid", schema.Of(schema.Text), "Its mid, empty if it has none."),
		schema.Need("protocol", schema.Of(schema.Text), "The protocol of its m= line."),
		schema.Need("rejected", schema.Of(schema.Bool), "Whether it carries no media for good."),
	)
)

// call1 makes a function of one argument check it first.
func call1[A, R any](name string, fn func(A) (R, error)) func(...any) (any, error) {
	return func(args ...any) (any, error) {
		if err := takes(name, args, 1); err != nil {
			return nil, err
		}
		a, err := argument[A](name, args, 0)
		if err != nil {
			return nil, err
		}
		return outcome(name)(fn(a))
	}
}

// call2 makes a function of two arguments check them first.
func call2[A, B, R any](name string, fn func(A, B) (R, error)) func(...any) (any, error) {
	return func(args ...any) (any, error) {
		if err := takes(name, args, 2); err != nil {
			return nil, err
		}
		a, err := argument[A](name, args, 0)
		if err != nil {
			return nil, err
		}
		b, err := argument[B](name, args, 1)
		if err != nil {
			return nil, err
		}
		return outcome(name)(fn(a, b))
	}
}

// always1 makes a function that cannot fail one that does not.
func always1[A, R any](fn func(A) R) func(A) (R, error) {
	return func(a A) (R, error) { return fn(a), nil }
}

// outcome puts the name of the function before an error.
func outcome(name string) func(v any, err error) (any, error) {
	return func(v any, err error) (any, error) {
		if err != nil {
			return nil, fmt.Errorf("%s: %w", name, err)
		}
		return v, nil
	}
}

// takes checks the number of arguments.
func takes(name string, args []any, n int) error {
	if len(args) == n {
		return nil
	}
	return fmt.Errorf("%s: takes %s, not %d", name, count(n, "argument"), len(args))
}

// argument gives an argument, counted from 0, of the type that it must have.
func argument[T any](name string, args []any, i int) (T, error) {
	v, ok := args[i].(T)
	if ok {
		return v, nil
	}
	return v, wrongArgument(name, i, kindOf(*new(T)), args[i])
}

func wrongArgument(name string, i int, want string, got any) error {
	return fmt.Errorf("%s: argument %d must be %s, not %s", name, i+1, want, kindOf(got))
}

// kindOf names the kind of a value as a rule's author calls it.
func kindOf(v any) string {
	switch v.(type) {
	case nil:
		return "nil"
	case string:
		return "text"
	case bool:
		return "true or false"
	case int, int64, float64:
		return "a number"
	case []any:
		return "a list"
	case map[string]any, *Table:
		return "a table"
	case time.Duration:
		return "a duration"
	case time.Time:
		return "a time"
	}
	return "something else"
}

// iceComplete calls sdp.ICEComplete, with or without a policy.
func iceComplete(args ...any) (any, error) {
	const name = "iceComplete"
	policy := ""
	switch len(args) {
	case 2:
	case 3:
		var err error
		if policy, err = argument[string](name, args, 2); err != nil {
			return nil, err
		}
		args = args[:2]
	default:
		return nil, fmt.Errorf("%s: takes 2 or 3 arguments, not %d", name, len(args))
	}
	return call2(name, func(offer string, candidates []any) (bool, error) {
		return sdp.ICEComplete(offer, candidates, policy)
	})(args...)
}
