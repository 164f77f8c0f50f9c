package homeservers

import "vertigo/transports/matrix/hometest"

// A difference is a step of the story that does not end alike everywhere. ""
// stands for what matrixtest does.
type difference struct {
	matrixtest, dendrite, synapse string
	why                           string // that is allowed
}

func (d difference) of(kind hometest.Kind) string {
	switch {
	case kind == hometest.Dendrite && d.dendrite != "":
		return d.dendrite
	case kind == hometest.Synapse && d.synapse != "":
		return d.synapse
	}
	return d.matrixtest
}

const (
	ghostInvited = `type="m.room.member" sender="@alice:hs.test" state_key="@a_tel_442071234567:hs.test" `
	ghostJoined  = `type="m.room.member" sender="@a_tel_442071234567:hs.test" state_key="@a_tel_442071234567:hs.test" `

	bobEnters    = `type="m.room.member" sender="@bob:hs.test" state_key="@bob:hs.test" room_id="OPEN" content=`
	carolLeaves  = `type="m.room.member" sender="@alice:hs.test" state_key="@carol:hs.test" room_id="OPEN" content=`
	bobsTimeline = `timeline.events.#.type=["m.room.member"] summary={"m.heroes":["@alice:hs.test"],"m.invited_member_count":0,"m.joined_member_count":2}`

	twoDo    = "matrixtest does as the specification has it, and one of the two"
	noName   = "Dendrite says no name in an invitation; Synapse says the one that there is"
	noAvatar = "Dendrite says of an avatar that there is none"
	keepName = "Dendrite keeps the name in an event that ends a membership"
	laxReads = "Dendrite answers with nothing where the specification wants 403"
	noAlias  = "Dendrite lets the bridge's own user alone give its aliases, and no ghost"
)

// differences are all that are allowed, by step.
var differences = map[string]difference{
	"a ghost is registered by nobody": {
		matrixtest: "401 M_MISSING_TOKEN", dendrite: "403 M_FORBIDDEN", synapse: "400 M_UNKNOWN",
		why: "the specification's code for a request without a token",
	},
	"the bridge's first name": {
		matrixtest: `200 displayname="a_phone"`, synapse: "404 M_NOT_FOUND",
		why: "Synapse has no profile of a bridge's own user, though that can act: as Dendrite",
	},
	"a name is given to somebody else": {matrixtest: "403 M_FORBIDDEN", synapse: "400 M_FORBIDDEN", why: twoDo},
	"a name that is a number": {
		matrixtest: "400 M_BAD_JSON", synapse: "400 M_INVALID_PARAM", why: twoDo,
	},
	"a protocol that nobody has": {matrixtest: "404 M_NOT_FOUND", synapse: "404 ", why: "Synapse gives no errcode"},
	"a number that nobody has":   {matrixtest: "200 @this=[]", dendrite: "404 M_NOT_FOUND", why: twoDo},
	"a number by a protocol that nobody has": {
		matrixtest: "200 @this=[]", dendrite: "404 M_NOT_FOUND", why: twoDo,
	},
	"the ghost's invitation is pushed": {
		matrixtest: ghostInvited + `room_id="ROOM" content={"displayname":"020 7123 4567","is_direct":true,"membership":"invite"}`,
		dendrite:   ghostInvited + `room_id="ROOM" content={"is_direct":true,"membership":"invite"}`,
		why:        noName,
	},
	"an invited ghost reads members":  {matrixtest: "403 M_FORBIDDEN", dendrite: "200", why: laxReads},
	"an invited ghost reads messages": {matrixtest: "403 M_FORBIDDEN", dendrite: "200", why: laxReads},
	"a stranger reads messages":       {matrixtest: "403 M_FORBIDDEN", dendrite: "200", why: laxReads},
	"the ghost's join is pushed": {
		matrixtest: ghostJoined + `room_id="ROOM" content={"displayname":"020 7123 4567","membership":"join"}`,
		dendrite:   ghostJoined + `room_id="ROOM" content={"avatar_url":"","displayname":"020 7123 4567","membership":"join"}`,
		why:        noAvatar,
	},
	"alice sees the ghost join": {
		matrixtest: ghostJoined + `room_id="ROOM" content={"displayname":"020 7123 4567","membership":"join"}`,
		dendrite:   ghostJoined + `room_id="ROOM" content={"avatar_url":"","displayname":"020 7123 4567","membership":"join"}`,
		why:        noAvatar,
	},
	"a stranger leaves": {matrixtest: "403 M_FORBIDDEN", dendrite: "400 M_UNKNOWN", why: twoDo},
	"a room that there is not: send": {
		matrixtest: "403 M_FORBIDDEN", dendrite: "400 M_UNSUPPORTED_ROOM_VERSION", why: twoDo,
	},
	"a room that there is not: leave": {matrixtest: "404 M_UNKNOWN", dendrite: "400 M_UNKNOWN", why: "nothing is specified: as Synapse"},
	"a stranger is kicked":            {matrixtest: "403 M_FORBIDDEN", dendrite: "403 M_UNKNOWN", why: twoDo},
	"who was kicked is kicked":        {matrixtest: "403 M_FORBIDDEN", dendrite: "403 M_UNKNOWN", why: twoDo},
	"who was kicked leaves":           {matrixtest: "403 M_FORBIDDEN", dendrite: "400 M_UNKNOWN", why: twoDo},
	"nobody is invited":               {matrixtest: "400 M_MISSING_PARAM", dendrite: "400 M_BAD_JSON", why: twoDo},
	"what is no JSON":                 {matrixtest: "400 M_NOT_JSON", dendrite: "400 M_BAD_JSON", why: twoDo},
	"an event of 66,000 bytes":        {matrixtest: "413 M_TOO_LARGE", dendrite: "413 M_BAD_JSON", why: twoDo},
	"a sync since never":              {matrixtest: "400 M_INVALID_PARAM", synapse: "400 M_UNKNOWN", why: twoDo},
	"the kick is pushed": {
		matrixtest: ghostInvited + `room_id="GROUP" content={"membership":"leave","reason":"late"}`,
		dendrite:   ghostInvited + `room_id="GROUP" content={"displayname":"Bob","membership":"leave","reason":"late"}`,
		why:        keepName,
	},
	"the ban is pushed": {
		matrixtest: ghostInvited + `room_id="GROUP" content={"membership":"ban"}`,
		dendrite:   ghostInvited + `room_id="GROUP" content={"displayname":"Bob","membership":"ban"}`,
		why:        keepName,
	},
	"who is banned joins":      {matrixtest: "403 M_FORBIDDEN", synapse: "403 M_BAD_STATE", why: twoDo},
	"who is banned is invited": {matrixtest: "403 M_FORBIDDEN", synapse: "403 M_BAD_STATE", why: twoDo},
	"the new invitation is pushed": {
		matrixtest: ghostInvited + `room_id="GROUP" content={"displayname":"Bob","membership":"invite"}`,
		dendrite:   ghostInvited + `room_id="GROUP" content={"membership":"invite"}`,
		why:        noName,
	},
	"alice sees the invitation": {
		matrixtest: `type="m.room.member" sender="@a_tel_442071234567:hs.test" state_key="@alice:hs.test" room_id="OWN" content={"displayname":"alice","is_direct":true,"membership":"invite"}`,
		dendrite:   `type="m.room.member" sender="@a_tel_442071234567:hs.test" state_key="@alice:hs.test" room_id="OWN" content={"is_direct":true,"membership":"invite"}`,
		why:        noName,
	},
	"alice's join is pushed": {
		matrixtest: `type="m.room.member" sender="@alice:hs.test" state_key="@alice:hs.test" room_id="OWN" content={"displayname":"alice","membership":"join"}`,
		dendrite:   `type="m.room.member" sender="@alice:hs.test" state_key="@alice:hs.test" room_id="OWN" content={"avatar_url":"","displayname":"alice","membership":"join"}`,
		why:        noAvatar,
	},
	"what alice can still read": {
		matrixtest: "m.room.create, m.room.member @a_tel_442071234567:hs.test join, m.room.power_levels, m.room.join_rules, " +
			"m.room.history_visibility, m.room.guest_access, m.room.name, m.room.member @alice:hs.test invite, m.room.member @alice:hs.test join, " +
			"m.call.candidates, m.call.candidates, m.call.candidates, m.call.candidates, m.call.candidates, m.room.member @alice:hs.test leave",
		dendrite: "m.room.member @alice:hs.test invite, m.room.member @alice:hs.test join, " +
			"m.call.candidates, m.call.candidates, m.call.candidates, m.call.candidates, m.call.candidates, m.room.member @alice:hs.test leave",
		why: "Dendrite shows who has left less than the room's history visibility allows",
	},
	"a ghost's alias is given by alice": {
		matrixtest: "400 M_EXCLUSIVE", synapse: "403 M_FORBIDDEN",
		why: "alice is not in the room either: it depends on what is looked at first",
	},
	"a ghost's alias is given by the bridge":   {matrixtest: "200", dendrite: "400 M_EXCLUSIVE", why: noAlias},
	"an alias is looked up":                    {matrixtest: `200 room_id="OWN"`, dendrite: "404 M_NOT_FOUND", why: noAlias},
	"an alias is given twice":                  {matrixtest: "409 M_UNKNOWN", dendrite: "400 M_EXCLUSIVE", why: noAlias},
	"a room is made with a name that is taken": {matrixtest: "400 M_ROOM_IN_USE", dendrite: "200", why: noAlias},
	"a room is joined by its alias":            {matrixtest: `200 room_id="OWN"`, dendrite: `200 room_id="ID"`, why: noAlias},
	"a ghost that is not registered logs in": {
		matrixtest: "403 M_FORBIDDEN", dendrite: "200", synapse: "404 M_UNKNOWN",
		why: "as the specification has it; Dendrite gives a session that is of nobody",
	},
	"somebody else is logged in by a bridge": {matrixtest: "400 M_EXCLUSIVE", synapse: "403 M_FORBIDDEN", why: twoDo},
	"a ghost logs in without a token":        {matrixtest: "401 M_MISSING_TOKEN", dendrite: "403 M_MISSING_TOKEN", why: twoDo},
	"a room is made for what is no user": {
		matrixtest: "400 M_INVALID_PARAM", dendrite: "400 M_BAD_JSON", synapse: "400 M_UNKNOWN",
		why: "the specification's code for a parameter with a wrong value",
	},
	"alice sees bob enter": {
		matrixtest: bobEnters + `{"displayname":"bob","membership":"join","reason":"curious"}`,
		dendrite:   bobEnters + `{"avatar_url":"","displayname":"bob","membership":"join","reason":"curious"}`,
		why:        noAvatar,
	},
	"what it was before": {
		matrixtest: `unsigned.prev_content={"n":1}`, dendrite: "-",
		why: "Dendrite says of members alone what was before",
	},
	"alice sees carol uninvited": {
		matrixtest: carolLeaves + `{"membership":"leave"}`,
		dendrite:   carolLeaves + `{"displayname":"carol","membership":"leave"}`,
		why:        keepName,
	},
	"a membership that there is not": {matrixtest: "403 M_FORBIDDEN", synapse: "400 M_UNKNOWN", why: twoDo},
	"who is not banned is unbanned":  {matrixtest: "403 M_BAD_STATE", dendrite: "400 M_UNKNOWN", why: twoDo},
	"its members": {
		matrixtest: "@alice:hs.test, @bob:hs.test " + bobsTimeline,
		dendrite:   "@alice:hs.test, @bob:hs.test, @carol:hs.test " + bobsTimeline,
		why:        "Dendrite gives members that nothing in the timeline is from",
	},
	"a filter that there is not": {matrixtest: "404 M_NOT_FOUND", dendrite: "400 M_NOT_FOUND", why: twoDo},
	"a filter that is none":      {matrixtest: "400 M_BAD_JSON", synapse: "500 M_UNKNOWN", why: twoDo},
}
