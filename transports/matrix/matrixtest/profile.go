package matrixtest

// fields of a profile that there are.
func (u *user) field(name string) *string {
	switch name {
	case "displayname":
		return &u.name
	case "avatar_url":
		return &u.avatar
	}
	return nil
}

// known gives the user of the path.
func (x *exchange) known() (*user, error) {
	u := x.users[x.path("user")]
	if u == nil {
		return nil, notFound("no user %s", x.path("user"))
	}
	return u, nil
}

func (x *exchange) profile() (any, error) {
	u, err := x.known()
	if err != nil {
		return nil, err
	}
	return u.fields("displayname", "avatar_url"), nil
}

func (x *exchange) profileField() (any, error) {
	u, err := x.known()
	if err != nil {
		return nil, err
	}
	name := x.path("field")
	if u.field(name) == nil {
		return nil, notFound("no field %s", name)
	}
	return u.fields(name), nil
}

// fields gives those that have a value.
func (u *user) fields(names ...string) map[string]string {
	fields := map[string]string{}
	for _, name := range names {
		if value := *u.field(name); value != "" {
			fields[name] = value
		}
	}
	return fields
}

// setProfileField changes a field, and the member events that show it.
func (x *exchange) setProfileField() (any, error) {
	if err := x.isSelf(); err != nil {
		return nil, err
	}
	name := x.path("field")
	field := x.user.field(name)
	if field == nil {
		return nil, bad("M_UNRECOGNIZED", "no field %s", name)
	}
	var body map[string]any
	if err := x.read(&body); err != nil {
		return nil, err
	}
	value, ok := body[name].(string)
	if !ok {
		return nil, bad("M_BAD_JSON", "%s is no text", name)
	}
	if *field == value {
		return struct{}{}, nil
	}
	*field = value
	for _, r := range x.roomsOf[x.user.id] {
		if r.membership(x.user.id) == "join" {
			x.setMember(r, x.user.id, x.user.id, "join", nil)
		}
	}
	return struct{}{}, nil
}
