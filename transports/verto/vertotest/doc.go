// Package vertotest is a Verto server for tests, in the manner of
// net/http/httptest: what FreeSWITCH's mod_verto says to a client, in the order
// and with the errors that captures of a real one show, and real WebRTC sound
// on loopback behind it.
//
// A [Server] has accounts, sessions that survive their socket, calls that a
// client places to extensions ([Server.Handle] adds more) or to another user,
// and calls that the server places ([Server.Originate]). What a test wants to
// know afterwards it asks [Server.Calls], [Server.WaitCall] and
// [Server.Frames].
//
// What becomes of the sound when a socket is lost and another one takes up its
// calls is FreeSWITCH's way too, silence after a wrong sequence included:
// [Server.DropSockets], [Server.SetReachable] and [Server.Renegotiate] bring it
// about. Package webphone has the client's end of the sound.
//
// It does not do what a signalling bridge never meets: conferences, event
// channels, the jsapi and fsapi methods, the speed test, chat between users.
// Video is described in SDP where FreeSWITCH would, but never carried; nor is
// plain RTP without DTLS. Sound is not transcoded: a tone is heard on a PCMU
// call, an Opus call gets frames of silence in its place.
package vertotest
