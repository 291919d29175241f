// Package memo remembers what was made of a text, so that one that was seen before costs no allocation.
package memo

import "sync"

// A Memo that has Limit texts, as in a storm of new ones, starts anew. A longer text than
// maxText is not remembered.
const (
	Limit   = 4096
	maxText = 512
)

// A Memo is safe for concurrent use, and its zero value is empty.
type Memo[T any] struct {
	mu    sync.Mutex // not held while a value is made, which may take its time
	known map[string]T
}

// Get returns what was made of a text, or makes it.
func (m *Memo[T]) Get(text []byte, of func(text string) T) T {
	m.mu.Lock()
	value, ok := m.known[string(text)]
	m.mu.Unlock()
	if ok {
		return value
	}
	key := string(text)
	value = of(key)
	if len(key) > maxText {
		return value
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.known == nil || len(m.known) >= Limit {
		m.known = make(map[string]T)
	}
	m.known[key] = value
	return value
}
