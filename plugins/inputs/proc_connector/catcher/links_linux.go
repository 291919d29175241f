package catcher

import "sync/atomic"

// ReadLinks says whether exe and cwd are to be read, which they are from the
// start. It may be called at any time, and holds for the next exec. There may be
// no Catchers.
func (c *Catchers) ReadLinks(read bool) {
	if c == nil {
		return
	}
	var without uint32
	if !read {
		without = 1
	}
	for _, w := range c.workers {
		atomic.StoreUint32(&w.loop.withoutLinks, without)
	}
}
