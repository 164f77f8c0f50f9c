package matrix

import (
	"encoding/json"
	"net/http"
	"slices"

	"github.com/tidwall/gjson"
)

// pstnDescription is what clients are told of the protocol (Application Service
// API, "Third-party networks"). Dendrite wants at least one instance.
const pstnDescription = `{"user_fields":["m.id.phone"],"location_fields":[],"icon":"",` +
	`"field_types":{"m.id.phone":{"regexp":"[0-9A-Za-z+*#() ./-]+","placeholder":"+44 20 7123 4567"}},` +
	`"instances":[{"network_id":"pstn","desc":"Telephone","icon":"","fields":{}}]}`

func (s *server) protocol(w http.ResponseWriter, r *http.Request) {
	if r.PathValue("protocol") != pstnProtocol {
		refuse(w, http.StatusNotFound, "M_NOT_FOUND", "no such protocol")
		return
	}
	respond(w, []byte(pstnDescription))
}

// location: there are no rooms to be found.
func (s *server) location(w http.ResponseWriter, _ *http.Request) {
	respond(w, []byte("[]"))
}

// lookUp finds the user that what was typed stands for.
func (s *server) lookUp(w http.ResponseWriter, r *http.Request) {
	protocol := r.PathValue("protocol")
	if protocol != pstnProtocol {
		respond(w, []byte("[]"))
		return
	}
	fields := r.URL.Query()
	delete(fields, "access_token")
	found := s.ask(r.Context(), ThirdPartyUser, &query{}, func(line []byte) []byte {
		line = append(appendField(line, "protocol", protocol), `,"fields":{`...)
		var names []string
		for name := range fields {
			names = append(names, name)
		}
		slices.Sort(names)
		for i, name := range names {
			if i > 0 {
				line = append(line, ',')
			}
			line = append(gjson.AppendJSONString(line, name), ':')
			line = gjson.AppendJSONString(line, fields.Get(name))
		}
		return append(line, '}')
	})
	replyFound(w, found)
}

// lookUpUser tells what one of our users stands for.
func (s *server) lookUpUser(w http.ResponseWriter, r *http.Request) {
	user := r.URL.Query().Get("userid")
	if !s.ours.isGhost(user) {
		respond(w, []byte("[]"))
		return
	}
	replyFound(w, s.ask(r.Context(), ThirdPartyReverse, &query{user: user}, func(line []byte) []byte {
		return appendField(line, "user_id", user)
	}))
}

func replyFound(w http.ResponseWriter, a answer) {
	if a.as == "" {
		respond(w, []byte("[]"))
		return
	}
	fields := a.fields
	if fields == nil {
		fields = json.RawMessage("{}")
	}
	line := gjson.AppendJSONString([]byte(`[{"userid":`), a.as)
	line = append(append(appendField(line, "protocol", pstnProtocol), `,"fields":`...), fields...)
	respond(w, append(line, "}]"...))
}

// user says whether one of our users exists; if a rule wants it, it does now.
func (s *server) user(w http.ResponseWriter, r *http.Request) {
	id := r.PathValue("user")
	if id == s.ours.user { // registered before the homeserver could ask
		respond(w, []byte("{}"))
		return
	}
	if !s.ours.isGhost(id) {
		refuse(w, http.StatusNotFound, "M_NOT_FOUND", "no such user")
		return
	}
	if s.ask(r.Context(), UserQuery, &query{user: id}, func(line []byte) []byte {
		return appendField(line, "user_id", id)
	}).as == "" {
		refuse(w, http.StatusNotFound, "M_NOT_FOUND", "no such user")
		return
	}
	respond(w, []byte("{}"))
}

// room says whether a room of that alias exists; if a rule wants it, it does now.
func (s *server) room(w http.ResponseWriter, r *http.Request) {
	alias := r.PathValue("alias")
	if s.ask(r.Context(), AliasQuery, &query{alias: alias}, func(line []byte) []byte {
		return appendField(line, "alias", alias)
	}).as == "" {
		refuse(w, http.StatusNotFound, "M_NOT_FOUND", "no such room")
		return
	}
	respond(w, []byte("{}"))
}
