package matrixtest

// levels are the power levels of a room (Client-Server API,
// "m.room.power_levels"), with the defaults for what it does not say.
type levels struct {
	Users         map[string]int `json:"users"`
	UsersDefault  int            `json:"users_default"`
	Events        map[string]int `json:"events"`
	EventsDefault int            `json:"events_default"`
	StateDefault  int            `json:"state_default"`
	Invite        int            `json:"invite"`
	Kick          int            `json:"kick"`
	Ban           int            `json:"ban"`
	Redact        int            `json:"redact"`
}

func (r *room) levels() levels {
	l := levels{StateDefault: 50, Kick: 50, Ban: 50, Redact: 50}
	r.content("m.room.power_levels", "", &l)
	return l
}

func (l levels) of(user string) int {
	if n, ok := l.Users[user]; ok {
		return n
	}
	return l.UsersDefault
}

func (l levels) needed(typ string, state bool) int {
	if n, ok := l.Events[typ]; ok {
		return n
	}
	if state {
		return l.StateDefault
	}
	return l.EventsDefault
}

// maySend refuses events of those who are not in the room, or have not the
// power.
func (r *room) maySend(user, typ string, state bool) error {
	if r.membership(user) != "join" {
		return forbidden("%s is not in room %s", user, r.id)
	}
	l := r.levels()
	if has, needs := l.of(user), l.needed(typ, state); has < needs {
		return forbidden("%s has power %d, but %s needs %d", user, has, typ, needs)
	}
	return nil
}
