package vertotest

// infoMethod takes DTMF for a call, or a chat message, which goes nowhere
// (verto__info_func). A call that does not exist is no error: only "SENT" says
// that something arrived.
func (k *socket) infoMethod(params object) reply {
	if params == nil {
		return refusal("Params data missing")
	}
	if _, isChat := params.get("msg"); isChat {
		message := params.object("msg")
		if message.text("to") == "" || message.text("body") == "" {
			return reply{fault: object{{"message", "INVALID MESSAGE to and body params required"}}}
		}
		return reply{result: object{{"message", "SENT"}}}
	}
	s := k.srv
	s.mu.Lock()
	defer s.mu.Unlock()
	l := s.legs[params.object("dialogParams").text("callID")]
	digits := params.text("dtmf")
	if l == nil || digits == "" {
		return reply{}
	}
	l.press(onlyDigits(digits))
	return reply{result: object{{"message", "SENT"}}}
}

// onlyDigits reads FreeSWITCH's DTMF syntax: pauses (w, W), the group mark (+)
// and durations (@ms) leave no digit behind.
func onlyDigits(text string) string {
	var digits []byte
	duration := false
	for _, c := range []byte(text) {
		switch {
		case c == '@':
			duration = true
		case c == '+':
			duration = false
		case duration && '0' <= c && c <= '9':
		case isDTMF(c):
			digits = append(digits, upper(c))
		}
	}
	return string(digits)
}

func isDTMF(c byte) bool {
	c = upper(c)
	return '0' <= c && c <= '9' || 'A' <= c && c <= 'D' || c == '*' || c == '#' || c == 'F'
}

func upper(c byte) byte {
	if 'a' <= c && c <= 'z' {
		c -= 'a' - 'A'
	}
	return c
}
