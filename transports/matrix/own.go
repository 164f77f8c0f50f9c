package matrix

import (
	"strings"

	"vertigo/engine"
)

// own knows what is ours: which events come back as echoes of what we sent, and
// which call a reply belongs to.
//
// The sender alone does not tell. The same user may run an ordinary client, and
// may even call itself: a party is the pair of user and party_id.
type own struct {
	ours    ours
	users   recent[struct{}] // beside those
	parties recent[struct{}]
	events  recent[struct{}]
	calls   recent[engine.CallID] // by transaction id
}

// Room for what may still come back: a call has one party id and a handful of
// events, and not many more sends wait for a reply than the outbox holds.
const (
	ownUsers   = 1 << 10
	ownParties = 1 << 10
	ownEvents  = 1 << 13
	ownCalls   = 2 * outboxLimit
)

func newOwn() own {
	return own{
		users:   newRecent[struct{}](ownUsers),
		parties: newRecent[struct{}](ownParties),
		events:  newRecent[struct{}](ownEvents),
		calls:   newRecent[engine.CallID](ownCalls),
	}
}

// note adds what names ours; "" adds nothing.
func note(set *recent[struct{}], id string) {
	if id != "" {
		set.add(id, struct{}{})
	}
}

// echoes tells whether e is something that we sent.
//
// A homeserver gives unsigned.transaction_id only to the device that sent the
// event (client-server API, "Transaction identifiers"), so this holds over a
// restart as well. Where no user is known to be ours, as in a capture whose
// sends name no sender, the party id decides alone.
func (o *own) echoes(e event) bool {
	if o.events.has(e.id) || o.ours.isGhost(e.sender) { // nobody else acts as a ghost
		return true
	}
	ours := o.users.has(e.sender)
	switch {
	case !ours && len(o.users.known) > 0:
		return false
	case e.party != "" && isCall(e.typ):
		return o.parties.has(e.party) || ours && e.txn != ""
	default:
		return ours
	}
}

// isCall tells the types of call events, those of unmerged proposals too.
func isCall(typ string) bool {
	return strings.HasPrefix(typ, "m.call.") || strings.HasPrefix(typ, "org.matrix.call.")
}
