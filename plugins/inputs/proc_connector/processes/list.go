package processes

// A list is of series that are linked to each other, so that entering and
// removing one costs neither time nor memory.
type list struct {
	first, last *Series
}

func (l *list) push(g *Series) {
	g.prev, g.next = l.last, nil
	if l.last != nil {
		l.last.next = g
	} else {
		l.first = g
	}
	l.last = g
}

func (l *list) pushFirst(g *Series) {
	g.prev, g.next = nil, l.first
	if l.first != nil {
		l.first.prev = g
	} else {
		l.last = g
	}
	l.first = g
}

func (l *list) remove(g *Series) {
	if g.prev != nil {
		g.prev.next = g.next
	} else {
		l.first = g.next
	}
	if g.next != nil {
		g.next.prev = g.prev
	} else {
		l.last = g.prev
	}
	g.prev, g.next = nil, nil
}
