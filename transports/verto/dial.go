package verto

import (
	"context"

	"github.com/gorilla/websocket"

	"vertigo/internal/link"
)

// maxRequest is the longest message that mod_verto takes; it closes the socket
// on a longer one, without a word.
const maxRequest = 999_999

// advice is for the operator of a FreeSWITCH.
var advice = link.Advice{
	Handshake: "is this the port of mod_verto?",
	Refused:   "check that FreeSWITCH runs with mod_verto loaded",
	Closes:    "check mod_verto's connection ACL",
}

// dial opens a WebSocket to the server. Its error says what to do about it.
func (c *Client) dial(ctx context.Context) (*websocket.Conn, error) {
	d := websocket.Dialer{
		NetDialContext:   c.netDial,
		TLSClientConfig:  c.tls,
		HandshakeTimeout: c.times.dial,
		// A message must go in one frame: mod_verto cannot take a control frame
		// between the parts of one.
		WriteBufferSize: maxRequest,
		WriteBufferPool: &c.buffers,
	}
	conn, resp, err := d.DialContext(ctx, c.cfg.URL, nil)
	if err != nil {
		return nil, advice.Explain(err, resp, c.cfg.URL, c.times.dial)
	}
	conn.SetReadLimit(c.cfg.MaxMessage)
	return conn, nil
}
