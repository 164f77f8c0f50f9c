package matrixtest

import (
	"encoding/json"
	"maps"
	"net/http"
	"net/url"
	"slices"
)

// serving are the application services that declare a protocol, all without one.
func (s *Server) serving(protocol string) []*service {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(s.services), func(v *service) bool {
		return protocol != "" && !slices.Contains(v.Protocols, protocol)
	})
}

// describe asks what a protocol is. Of several application services that have
// it the first describes it, with the instances of all. nil: nobody does.
func (x *exchange) describe(protocol string) map[string]any {
	var found map[string]any
	instances := []any{}
	for _, v := range x.serving(protocol) {
		var reply map[string]any
		data, err := x.ask(x.req.Context(), v, http.MethodGet, "/thirdparty/protocol/"+url.PathEscape(protocol), nil, nil)
		if err != nil || json.Unmarshal(data, &reply) != nil {
			continue
		}
		if found == nil {
			found = reply
		}
		more, _ := reply["instances"].([]any)
		instances = append(instances, more...)
	}
	if found != nil {
		found["instances"] = instances
	}
	return found
}

func (x *exchange) protocols() (any, error) {
	declared := map[string]bool{}
	for _, v := range x.serving("") {
		for _, p := range v.Protocols {
			declared[p] = true
		}
	}
	all := map[string]any{}
	for p := range declared {
		if d := x.describe(p); d != nil {
			all[p] = d
		}
	}
	return all, nil
}

func (x *exchange) protocol() (any, error) {
	d := x.describe(x.path("protocol"))
	if d == nil {
		return nil, notFound("no protocol %s", x.path("protocol"))
	}
	return d, nil
}

// lookUp passes a question on to all application services that have the
// protocol, or that there are, and gives what they find together.
func (x *exchange) lookUp() (any, error) {
	what, protocol := x.path("what"), x.path("protocol")
	if what != "user" && what != "location" {
		return nil, &Error{Status: http.StatusNotFound, Code: "M_UNRECOGNIZED", Text: "no such path"}
	}
	path := "/thirdparty/" + what
	if protocol != "" {
		path += "/" + url.PathEscape(protocol)
	}
	fields := maps.Clone(x.query)
	fields.Del("access_token")
	found := []any{}
	for _, v := range x.serving(protocol) {
		var reply []any
		data, err := x.ask(x.req.Context(), v, http.MethodGet, path, fields, nil)
		if err != nil || json.Unmarshal(data, &reply) != nil {
			x.log.Debug("an application service finds nobody", "service", v.ID, "path", path, "err", err)
			continue
		}
		found = append(found, reply...)
	}
	return found, nil
}
