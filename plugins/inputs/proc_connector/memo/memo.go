// Package memo remembers what was made of a text, so that one that was seen before costs no
// allocation.
package memo

// A Memo that has Limit texts, as in a storm of new ones, starts anew. A longer text than
// maxText is not remembered.
const (
	Limit   = 4096
	maxText = 512
)

// A Memo is empty as its zero value, and not safe for concurrent use.
type Memo[T any] struct{ known map[string]T }

// Get returns what was made of a text, or makes it.
func (m *Memo[T]) Get(text []byte, of func(text string) T) T {
	if value, ok := m.known[string(text)]; ok {
		return value
	}
	key := string(text)
	value := of(key)
	if len(key) > maxText {
		return value
	}
	if m.known == nil || len(m.known) >= Limit {
		m.known = make(map[string]T)
	}
	m.known[key] = value
	return value
}
