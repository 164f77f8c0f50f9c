package vertotest

// Errors that process_jrpc gives itself.
const (
	codeInvalid = -32600
	codeMethod  = -32601
	codeAuth    = -32000
	codeLogin   = -32001
	codeCall    = -32002
)

const messageMethod = "Invalid Method, Missing Method or Permission Denied"

// A reply is what a method makes of a request: a result, or an error.
type reply struct {
	result object
	fault  object // wins, if not nil
}

func fault(code int, message string) reply {
	return reply{fault: object{{"code", code}, {"message", message}}}
}

// refusal is an error of a call-level method: there the code stands last.
func refusal(message string) reply {
	return reply{fault: object{{"message", message}, {"code", codeCall}}}
}

// A method handles one request on its socket's goroutine.
type method func(k *socket, params object) reply

var methods = map[string]method{
	"login":        (*socket).loginMethod,
	"echo":         (*socket).echoMethod,
	"verto.ping":   (*socket).pingMethod,
	"verto.invite": (*socket).inviteMethod,
	"verto.answer": (*socket).answerMethod,
	"verto.bye":    (*socket).byeMethod,
	"verto.attach": (*socket).attachMethod,
	"verto.modify": (*socket).modifyMethod,
	"verto.info":   (*socket).infoMethod,
}

// handle reads one frame and answers it. It reports whether this frame logged
// the socket in, and false if the socket is to be closed.
func (k *socket) handle(data []byte) (fresh, ok bool) {
	k.srv.record(k, "in", data)
	if data[0] == '#' { // a speed test, which this server does not run
		return false, k.loggedIn()
	}
	message, err := decode(data)
	if err != nil {
		return false, k.write(invalid("Invalid Request", nil))
	}
	before := k.loggedIn()
	if batch, isBatch := message.([]any); isBatch {
		ok = k.write(k.batch(batch))
		return k.loggedIn() != before, ok
	}
	answer, ok := k.answerTo(message, true)
	if answer != nil {
		ok = k.write(answer) && ok
	}
	return k.loggedIn() != before, ok
}

func (k *socket) batch(messages []any) []any {
	answers := []any{}
	for _, m := range messages {
		if answer, _ := k.answerTo(m, false); answer != nil {
			answers = append(answers, answer)
		}
	}
	return answers
}

func invalid(message string, id any) object {
	return object{
		{"jsonrpc", "2.0"},
		{"error", object{{"code", codeInvalid}, {"message", message}}},
		{"id", id},
	}
}

// answerTo gives the response to one message, nil for none (process_jrpc).
// Results get the sessid, except in a batch. ok is false if the socket is to
// be closed after the response.
func (k *socket) answerTo(message any, withSession bool) (answer object, ok bool) {
	o, isObject := message.(object)
	id, _ := o.get("id")
	if !isObject || o.text("jsonrpc") != "2.0" {
		return invalid("Invalid message", id), true
	}
	if _, isResponse := o.get("result"); isResponse {
		return nil, true
	}
	params := o.object("params")
	r, ok := k.call(o.text("method"), params)
	answer = object{{"jsonrpc", "2.0"}, {"id", id}}
	if r.fault != nil {
		return answer.with("error", r.fault), ok
	}
	result := r.result
	if echo, wanted := params.get("echoParams"); wanted {
		if echo == true {
			echo = params
		}
		result = result.with("requestParams", echo)
	}
	if withSession {
		result = result.with("sessid", k.session())
	}
	return answer.with("result", result), ok
}

func (k *socket) call(name string, params object) (reply, bool) {
	if !k.loggedIn() {
		if r, ok := k.authenticate(params); r.fault != nil {
			return r, ok
		}
	}
	m, known := methods[name]
	if !known || name != "login" && !k.may(name) {
		return fault(codeMethod, messageMethod), true
	}
	return m(k, params), true
}

func (k *socket) loggedIn() bool {
	k.srv.mu.Lock()
	defer k.srv.mu.Unlock()
	return k.user != nil
}

func (k *socket) may(name string) bool {
	k.srv.mu.Lock()
	defer k.srv.mu.Unlock()
	return k.user.allowed(name)
}

func (k *socket) session() string {
	k.srv.mu.Lock()
	defer k.srv.mu.Unlock()
	return k.sessid
}

func (k *socket) echoMethod(params object) reply {
	return reply{result: append(object{}, params...)}
}

func (k *socket) pingMethod(object) reply {
	return reply{result: object{{"message", "PONG"}}}
}
