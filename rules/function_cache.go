package rules

import "sync"

// A textCache keeps what was made of a text. Most texts are constants in the
// rules; for the others it must not grow without end. Any goroutine may use it.
type textCache[T any] struct {
	make func(text string) (T, error)

	mu   sync.RWMutex
	made map[string]T
}

const maxCached = 256

func newTextCache[T any](fn func(text string) (T, error)) *textCache[T] {
	return &textCache[T]{make: fn, made: make(map[string]T)}
}

func (c *textCache[T]) get(text string) (T, error) {
	c.mu.RLock()
	v, ok := c.made[text]
	c.mu.RUnlock()
	if ok {
		return v, nil
	}
	v, err := c.make(text)
	if err != nil {
		return v, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.made) >= maxCached {
		clear(c.made)
	}
	c.made[text] = v
	return v, nil
}
