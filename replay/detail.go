package replay

import (
	"strings"

	"github.com/tidwall/gjson"
)

// detailPaths are what a person looks for first in a signalling message: whom
// it calls, why it ends, what went wrong.
var detailPaths = []string{
	"params.dialogParams.destination_number", "dialogParams.destination_number",
	"params.cause", "content.reason", "cause", "reason",
	"params.action", "action",
	"error.message", "error", "content.membership", "content.invitee",
	"user", "invitee", "displayname",
}

// detail gives the one value of a message that says most about it; of a user the
// name without the server.
func detail(body []byte) string {
	for _, path := range detailPaths {
		if v := gjson.GetBytes(body, path); v.Type == gjson.String && v.Str != "" {
			if strings.HasPrefix(v.Str, "@") {
				name, _, _ := strings.Cut(v.Str, ":")
				return name
			}
			return v.Str
		}
	}
	return ""
}
