// Package matrixtest is a Matrix homeserver for tests and demonstrations, in
// the manner of net/http/httptest: one process, one loopback port, everything
// in memory.
//
// It speaks what a call needs of the Matrix specification 1.12. For clients,
// those in a browser among them: login, profiles, rooms with their membership
// and power levels, events, /sync, /messages, account data, aliases, third-party
// lookups (Client-Server API). For bridges: registration, transactions, queries,
// ghosts and ping (Application Service API). Errors have the status and errcode
// that Dendrite 0.15.2 and Synapse 1.163.2 agree on; where they differ it does
// as the specification has it, or as Synapse does. Package homeservers tells the
// same story on all three and lists what may differ.
//
// As a tool for tests it refuses, delays and loses requests ([Server.Fail]),
// loses, repeats, delays and reorders transactions ([Server.Divert]), and goes
// away ([Server.SetReachable]). What happened is asked with [Server.Events] and
// [Server.WaitEvent].
//
// It has no federation, encryption keys, media, presence, receipts, typing,
// redactions, push or state resolution, and forgets everything at the end.
// Rooms are of version 10, with their history shared. Passwords are compared as
// plain text: nobody else should be able to reach it.
package matrixtest
