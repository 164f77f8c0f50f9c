package replay

import "github.com/tidwall/gjson"

// detailPaths are what a person looks for first in a signalling message: whom
// it calls, why it ends, what went wrong.
var detailPaths = []string{
	"params.dialogParams.destination_number", "dialogParams.destination_number",
	"params.cause", "content.reason", "cause", "reason",
	"params.action", "action",
	"error.message", "error", "content.membership",
}

// detail gives the one value of a message that says most about it.
func detail(body []byte) string {
	for _, path := range detailPaths {
		if v := gjson.GetBytes(body, path); v.Type == gjson.String && v.Str != "" {
			return v.Str
		}
	}
	return ""
}
