package matrixtest

import (
	"fmt"
	"net/http"
	"time"
)

// An Error is a standard error response (Client-Server API, "Standard error
// response").
type Error struct {
	Status     int    // of HTTP
	Code       string // errcode
	Text       string
	RetryAfter time.Duration // said in both ways if it is not 0: Retry-After and retry_after_ms
}

func (e *Error) Error() string { return fmt.Sprintf("%s (%d %s)", e.Text, e.Status, e.Code) }

func (e *Error) body() map[string]any {
	body := map[string]any{"errcode": e.Code, "error": e.Text}
	if e.RetryAfter > 0 {
		body["retry_after_ms"] = e.RetryAfter.Milliseconds()
	}
	return body
}

func forbidden(format string, args ...any) error {
	return &Error{Status: http.StatusForbidden, Code: "M_FORBIDDEN", Text: fmt.Sprintf(format, args...)}
}

func notFound(format string, args ...any) error {
	return &Error{Status: http.StatusNotFound, Code: "M_NOT_FOUND", Text: fmt.Sprintf(format, args...)}
}

func bad(code, format string, args ...any) error {
	return &Error{Status: http.StatusBadRequest, Code: code, Text: fmt.Sprintf(format, args...)}
}

func tooLarge(format string, args ...any) error {
	return &Error{Status: http.StatusRequestEntityTooLarge, Code: "M_TOO_LARGE", Text: fmt.Sprintf(format, args...)}
}

func unauthorized(code, text string) error {
	return &Error{Status: http.StatusUnauthorized, Code: code, Text: text}
}
