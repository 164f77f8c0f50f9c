// Package homeservers tells one story on each homeserver that tests can run.
//
// What a bridge sees differs between them. Seen here with Dendrite 0.15.2 and
// Synapse 1.163.2, both with SQLite:
//
//	                              Dendrite                       Synapse
//	unsigned.age in transactions  absent                         there; also age and user_id, at the top
//	retry while the bridge fails  after 2 s, 4 s ... 64 s        after 2 s, 4 s ... 512 s
//	what a retry holds            what came since is added,      what it held
//	                              under the same transaction id
//	restarted while it fails      goes on at once, out of order  goes on with the next event that
//	                                                             concerns a bridge, in order
//	gives up a transaction after  30 s                           60 s
//	ping                          404                            there
//	/users query                  on a profile lookup            on an event whose sender or member is a
//	                                                             ghost unknown to it, before it is pushed
//	user id in that query         /users/@tel_1:hs.test          /users/%40tel_1%3Ahs.test
//	lookup: nobody                404                            []
//	lookup: several bridges       one after the other            at once
//	lookup: protocols             also those not declared        those declared
//	lookup by user id             passed on                      []; no bridge is asked
//	protocols: answer kept        if good, until a restart       for an hour, also that there was none
//	join of an unknown alias      500                            404
//	upper case in register        made lower case                400 M_EXCLUSIVE
//	the bridge's own user         is there from the start        acts from the start, but cannot be
//	                                                             registered once it has a profile (500),
//	                                                             and its /sync fails (500)
//	room version                  10                             12: ids without a domain; who makes a
//	                                                             room has no power level, but all power
//	invite: null in createRoom    taken for none                 500
//	too much at once              429 on some requests           429, after half a second, on nearly all
//
// Alike on both: mostly one event a transaction, the next when that is
// answered, with what came meanwhile; a ghost's own events come back, without
// transaction_id; of a room where it is only invited there is the invitation
// and nothing else, and what was said there before its join is never pushed,
// though the ghost can read it (/messages) once it has joined; its kick and its
// own leave are pushed, and then nothing more; acting as a ghost before it is
// registered gives 403. In a room with preset trusted_private_chat all have
// the same power, so nobody can kick.
//
// The one of package matrixtest does as Synapse in all this, but for a few
// things. It passes a lookup by user id on, and asks for protocols each time;
// makes rooms of version 10, and the bridge's own user from the start; says 400
// M_INVALID_USERNAME to upper case; takes null for no invitations; and has no
// limits. What else differs between the three, answer by answer, is compared by
// TestTheSameStoryOnEach.
//
// Dendrite's /messages may lag behind a join by a moment on a busy machine: a
// page without the join is not all there is.
package homeservers

import (
	"testing"

	"vertigo/transports/matrix/dendritetest"
	"vertigo/transports/matrix/hometest"
	"vertigo/transports/matrix/synapsetest"
)

// A Start starts a homeserver that ends with the test.
type Start func(t testing.TB, o ...hometest.Options) *hometest.Server

// Each runs tell once for each homeserver, as a subtest by its name.
func Each(t *testing.T, tell func(t *testing.T, start Start)) {
	t.Helper()
	t.Run(string(hometest.Dendrite), func(t *testing.T) { tell(t, dendritetest.Start) })
	t.Run(string(hometest.Synapse), func(t *testing.T) { tell(t, synapsetest.Start) })
	t.Run(string(hometest.Matrixtest), func(t *testing.T) { tell(t, startMatrixtest) })
}
